"""Nobody gets more than the guide's limits, over two workers that count in Valkey."""

import time
from collections import Counter
from dataclasses import replace

import pytest

from tests.client import JSON, PREFIX, Learner, token
from tests.serving.service import Service, Wire, new_address

BELIEVED = {
    **dict.fromkeys(("X-Forwarded-For", "X-Real-IP", "True-Client-IP", "Via"), "192.0.2.7"),
    **dict.fromkeys(("X-User-Id", "Remote-User", "X-Learner", "From", "Cookie"), "user=somebody"),
    **dict.fromkeys(("X-RateLimit-Limit", "X-RateLimit-Remaining", "RateLimit-Reset"), "9999"),
    **dict.fromkeys(("X-HTTP-Method-Override", "X-Method-Override"), "GET"),
    "Forwarded": "for=192.0.2.7",
    "Host": "elsewhere.example",
    "Origin": "https://elsewhere.example",
    "Idempotency-Key": "another",
    "X-Request-ID": "another",
    "X-CSRF-TOKEN": "another",
    "Cache-Control": "no-cache",
    "User-Agent": "another",
}


def refused_anyway(learner: Learner) -> dict[str, Learner]:
    """The same learner, as whom a limit might not know it."""
    now = int(time.time())
    fresh, admin = (
        token(learner.name, iat=now, jti="2"),
        token(learner.name, scope="progress:admin"),
    )
    tokens = {"a fresh token": fresh, "an admin's": admin}
    headers: dict[str, dict[str, str]] = {
        **{name: {name: value} for name, value in BELIEVED.items()},
        **{name: {"Authorization": f"Bearer {one}"} for name, one in tokens.items()},
        "a scheme in capitals": {"Authorization": f"BEARER {token(learner.name)}"},
        "all of them": BELIEVED,
    }
    disguised = {name: replace(learner, headers=given) for name, given in headers.items()}
    disguised["another tutorial"] = replace(learner, tutorial="another")
    disguised["another address"] = replace(
        learner, transport=Wire(_service(learner), new_address())
    )
    return disguised


def _service(learner: Learner) -> Service:
    assert isinstance(learner.transport, Wire)
    return learner.transport.service


def test_nothing_that_a_learner_sends_gets_them_more_than_the_limit(limited: Service) -> None:
    learner = limited.learner()
    assert {learner.complete().status for _ in range(5)} == {404}

    statuses = {name: one.complete().status for name, one in refused_anyway(learner).items()}

    assert len(statuses) > 20
    assert set(statuses.values()) == {429}, statuses


def test_no_spelling_of_the_address_gets_a_learner_more_than_the_limit(limited: Service) -> None:
    learner = limited.learner()
    headers = JSON | {"Authorization": f"Bearer {token(learner.name)}"}
    wire = Wire(limited)
    assert {learner.complete().status for _ in range(5)} == {404}

    spelt = ("intro/complete?x=1", "%69ntro/complete", "a%2Fb/complete")
    own = f"intro/complete?userId={learner.name}"
    asked = [wire.send("POST", f"{PREFIX}/{path}", headers, b"{}") for path in (*spelt, own)]

    assert [answer.status for answer in asked] == [429] * 4


def test_what_only_reads_the_headers_spends_the_limit_of_reading(limited: Service) -> None:
    learner = limited.learner()
    assert {learner.send("HEAD").status for _ in range(30)} == {200}
    assert {learner.get().status for _ in range(30)} == {200}

    assert learner.send("HEAD").status == 429
    assert learner.get().status == 429


@pytest.mark.parametrize("name", ["address:{address}", "user:{address}", "{address}"])
def test_who_is_called_like_an_address_spends_nothing_of_it(limited: Service, name: str) -> None:
    address = new_address()
    learner = limited.learner(name=name.format(address=address))
    stranger = Wire(limited, address)

    assert [learner.complete().status for _ in range(6)] == [404] * 5 + [429]

    assert strangers(stranger, [{}] * 6) == {401: 5, 429: 1}


def test_each_way_to_have_no_token_spends_one_allowance_of_the_address(limited: Service) -> None:
    victim = limited.learner()
    forged = token(victim.name, key="another secret, of more than 32 bytes")
    expired, refreshing = token(victim.name, exp=1), token(victim.name, type="refresh")
    sent = ("", "Basic eA==", "Bearer", *(f"Bearer {one}" for one in (forged, expired, refreshing)))

    answered = strangers(Wire(limited, new_address()), [{"Authorization": one} for one in sent])

    assert answered == {401: 5, 429: 1}
    assert [victim.complete().status for _ in range(6)] == [404] * 5 + [429]


def test_behind_two_proxies_the_address_is_the_one_that_the_farther_one_tells(
    behind_two_proxies: Service,
) -> None:
    proxy, client, other = Wire(behind_two_proxies), new_address(), new_address()
    claims = [f"10.2.{n}.1, {client}, 10.0.0.1" for n in range(6)]

    answered = strangers(proxy, [{"X-Forwarded-For": claim} for claim in claims])

    assert answered == {401: 5, 429: 1}
    assert strangers(proxy, [{"X-Forwarded-For": f"{client}, {other}, 10.0.0.1"}]) == {401: 1}


def test_who_reaches_the_service_past_its_proxies_is_known_by_the_connection(
    behind_two_proxies: Service,
) -> None:
    stranger = Wire(behind_two_proxies, new_address())
    claims = ["", *(f"10.3.{n}.1" for n in range(5))]

    answered = strangers(stranger, [{"X-Forwarded-For": claim} for claim in claims])

    assert answered == {401: 5, 429: 1}


def strangers(wire: Wire, headers: list[dict[str, str]]) -> Counter[int]:
    """How many of these are answered how, when they want to complete a tutorial."""
    path = f"{PREFIX}/intro/complete"
    return Counter(wire.send("POST", path, one).status for one in headers)
