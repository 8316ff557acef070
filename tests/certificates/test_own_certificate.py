"""Complete issues a certificate, once and for ever; the learner sees all of it."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from tests.certificates.conftest import BROWSER, earn, revoke
from tests.client import PREFIX, Learner
from tests.conftest import MakeApp, MakeLearner
from tests.outlines.conftest import outline, put, with_scope

ID = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")
KEYS = [
    *("certificateId", "tutorialId", "userId", "title", "holderName", "issuedAt", "revokedAt"),
    *("revocationReason", "url", "credential"),
]


def test_complete_issues_a_certificate(student: Learner) -> None:
    body = earn(student)

    assert list(body) == KEYS
    assert ID.fullmatch(body["certificateId"])
    assert (body["tutorialId"], body["userId"]) == (student.tutorial, student.name)
    assert body["issuedAt"] == student.progress()["lastWatchedAt"]
    assert body["url"] == f"http://localhost{PREFIX}/certificates/{body['certificateId']}"
    for name in ("title", "holderName", "revokedAt", "revocationReason", "credential"):
        assert body[name] is None


def test_no_header_but_host_chooses_the_address_of_a_certificate(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    app = make_app(trusted_proxies=1)
    claims = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    student = make_learner(app, headers={"Host": "learn.example", **claims})

    own = earn(student)
    page: Any = app.test_client().get(
        f"{PREFIX}/certificates/{own['certificateId']}",
        headers={"Accept": BROWSER, "Host": "learn.example", **claims},
    )

    assert own["url"] == f"http://learn.example{PREFIX}/certificates/{own['certificateId']}"
    assert own["url"] in page.text
    assert "evil.example" not in page.text


def test_without_a_certificate_there_is_none(student: Learner) -> None:
    student.complete_chapters(1, of=2)
    student.complete()

    answer = student.certificate()

    assert (answer.status, answer.body["error"]) == (404, "Certificate not found")


def test_completing_again_is_the_same_certificate(student: Learner) -> None:
    first = earn(student)

    student.complete()

    assert student.certificate().body == first


def test_a_reset_and_earning_it_again_is_the_same_certificate(student: Learner) -> None:
    first = earn(student)

    student.reset()
    assert student.certificate().body == first
    assert earn(student) == first


def test_a_reset_leaves_a_revoked_certificate_revoked(student: Learner) -> None:
    revoke(student, earn(student)["certificateId"])

    student.reset()

    assert earn(student)["revocationReason"] == "Cheated."
    assert student.progress()["certificateEarned"]


def test_a_certificate_has_the_title_of_the_outline_as_it_was(student: Learner) -> None:
    author = with_scope(student, "progress:author")
    put(author, outline("chapter-0", title="Python <b>basics</b> 🐍"))
    assert earn(student)["title"] == "Python <b>basics</b> 🐍"

    put(author, outline("chapter-0", title="Another"))
    assert student.certificate().body["title"] == "Python <b>basics</b> 🐍"


@pytest.mark.parametrize("name", ["Ada Lovelace", "אדה", "🚀" * 255, "<script>alert(1)</script>"])
def test_the_certificate_shows_the_name_that_complete_was_given(
    student: Learner, name: str
) -> None:
    assert earn(student, {"holderName": name})["holderName"] == name


def test_the_name_is_kept_from_the_first_time_that_it_is_given(student: Learner) -> None:
    earn(student)
    for name, kept in ((None, None), ("Ada", "Ada"), ("Bob", "Ada"), (None, "Ada")):
        assert student.complete({"holderName": name}).status == 200
        assert student.certificate().body["holderName"] == kept


@pytest.mark.parametrize("name", ["", " ", "a" * 256, "a\0b", 1, ["Ada"], "\ud800"])
def test_an_invalid_name_is_refused_and_nothing_is_earned(student: Learner, name: object) -> None:
    student.complete_chapters(1, of=1)

    answer = student.complete({"holderName": name})

    assert (answer.status, list(answer.body["fields"])) == (400, ["holderName"])
    assert not student.progress()["certificateEarned"]
    assert student.certificate().status == 404


def test_no_learner_sees_the_certificate_of_another(student: Learner) -> None:
    earn(student)
    bob = replace(student, name=f"bob-of-{student.name}")

    assert bob.certificate().status == 404
    assert bob.certificate(f"?userId={student.name}").status == 403
    author = with_scope(bob, "progress:author progress:report")
    assert author.certificate(f"?userId={student.name}").status == 403
    admin = with_scope(bob, "progress:admin")
    assert admin.certificate(f"?userId={student.name}").body["userId"] == student.name


def test_of_16_that_complete_at_once_all_get_one_certificate(student: Learner) -> None:
    student.complete_chapters(1, of=1)
    start = Barrier(16)

    def complete(number: int) -> Any:
        start.wait()
        assert student.complete({"holderName": f"Ada {number}"}).status == 200
        return student.certificate().body

    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(complete, range(16)))

    assert found == [student.certificate().body] * 16


def test_certificates_have_ids_of_their_own(student: Learner) -> None:
    learners = [replace(student, name=f"{student.name}-{number}") for number in range(20)]

    ids = {earn(learner)["certificateId"] for learner in learners}

    assert len(ids) == 20
    assert len({one[:4] for one in ids}) > 15
