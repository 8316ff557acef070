"""The guide's limits over two workers that count in Valkey."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.client import PREFIX, Answer, Learner, token
from tests.serving.service import Service, Wire, new_address

Ask = Callable[[Learner], Answer]
FIVE_LIMITS: list[tuple[str, int, Ask]] = [
    ("reading", 60, Learner.get),
    ("chapter posts", 30, Learner.watch),
    ("quiz posts", 10, Learner.answer_quiz),
    ("completions", 5, Learner.complete),
    ("resets", 5, Learner.reset),
]


def test_of_31_chapter_posts_in_a_minute_one_is_refused_whoever_answers(
    served: Service,
) -> None:
    learner = served.learner()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda n: learner.watch(f"c{n}").status, range(31)))

    assert Counter(statuses) == {200: 30, 429: 1}


def test_what_one_worker_allowed_the_other_one_counts(served: Service) -> None:
    learner, statuses = served.learner(), []

    for worker, posts in zip(served.workers(), (15, 16), strict=True):
        with served.without(worker):
            statuses += [learner.watch().status for _ in range(posts)]

    assert statuses == [200] * 30 + [429]


@pytest.mark.parametrize(
    ("limit", "ask"),
    [pytest.param(limit, ask, id=name) for name, limit, ask in FIVE_LIMITS],
)
def test_each_endpoint_has_the_limit_of_the_guide(served: Service, limit: int, ask: Ask) -> None:
    learner = served.learner()

    allowed = [ask(learner).status for _ in range(limit)]
    refused = ask(learner)

    assert 429 not in allowed
    assert refused.status == 429
    assert refused.headers["X-RateLimit-Limit"] == str(limit)
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    wait = int(refused.headers["Retry-After"])
    assert 1 <= wait <= 60
    assert abs(int(refused.headers["X-RateLimit-Reset"]) - time.time() - wait) < 5
    assert list(refused.body) == ["error", "detail", "requestId"]
    assert str(limit) in refused.body["detail"]


def test_each_endpoint_and_each_learner_has_an_allowance_of_its_own(
    served: Service,
) -> None:
    learner, other = served.learner(), served.learner()

    for _ in range(6):
        learner.reset()

    assert learner.reset().status == 429
    assert learner.get().status == 200
    assert learner.watch().status == 200
    assert other.reset().status == 200


def test_forged_tokens_spend_the_address_and_never_the_learner(served: Service) -> None:
    learner = served.learner()
    forged = token(learner.name, key="another secret, of more than 32 bytes")
    attacker = Learner(
        Wire(served, new_address()),
        name=learner.name,
        headers={"Authorization": f"Bearer {forged}"},
    )

    attacks = Counter(attacker.watch().status for _ in range(40))
    allowed = Counter(learner.watch().status for _ in range(31))

    assert attacks == {401: 30, 429: 10}
    assert allowed == {200: 30, 429: 1}


def test_who_has_no_token_is_limited_by_address(served: Service) -> None:
    one, other = Wire(served, new_address()), Wire(served, new_address())

    assert _anonymous(one, 31) == {401: 30, 429: 1}
    assert _anonymous(other, 1) == {401: 1}


def test_a_learner_is_not_limited_by_what_strangers_at_the_same_address_did(
    served: Service,
) -> None:
    address = new_address()
    _anonymous(Wire(served, address), 31)

    answer = Learner(Wire(served, address), name=served.learner().name).watch()

    assert answer.status == 200


def test_without_a_trusted_proxy_nobody_gets_an_allowance_by_a_forwarded_header(
    served: Service,
) -> None:
    client = Wire(served, new_address())

    statuses = Counter(_post(client, dict.fromkeys(_FORWARDED, f"10.1.{n}.1")) for n in range(31))

    assert statuses == {401: 30, 429: 1}


def test_a_request_that_is_refused_for_its_fields_counts_too(served: Service) -> None:
    learner = served.learner()

    statuses = Counter(learner.reset("?userId=somebody").status for _ in range(6))

    assert statuses == {403: 5, 429: 1}


_FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded-Host")


def _post(client: Wire, headers: dict[str, str]) -> int:
    return client.send("POST", f"{PREFIX}/intro/chapter", headers).status


def _anonymous(client: Wire, times: int) -> Counter[int]:
    return Counter(_post(client, {}) for _ in range(times))
