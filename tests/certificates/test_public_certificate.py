"""Anyone who has the id checks a certificate, as JSON or as a page."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest
from flask import Flask

from progress_api import LearnerRepository
from tests.certificates.conftest import BROWSER, change, earn, look, revoke
from tests.client import PREFIX, Learner
from tests.conftest import MakeApp, MakeLearner
from tests.outlines.conftest import outline, put, with_scope

KEYS = ["certificateId", "status", "title", "tutorialId", "holderName", "issuedAt", "revokedAt"]
UNKNOWN = "0" * 26
MARKUP = '<script>alert("x")</script>&amp;\'"'


def test_anyone_sees_a_valid_certificate_without_a_token(service: Flask, student: Learner) -> None:
    own = earn(student, {"holderName": "Ada Lovelace"})

    answer = look(service, own["certificateId"])

    assert answer.status_code == 200
    assert list(answer.json) == KEYS
    assert answer.json == {**{name: own[name] for name in KEYS if name in own}, "status": "valid"}
    assert student.name not in answer.text
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert "Accept" in answer.vary


def test_of_a_revoked_one_neither_the_name_nor_the_reason_is_shown(
    service: Flask, student: Learner
) -> None:
    own = earn(student, {"holderName": "Ada Lovelace"})
    revoked = revoke(student, own["certificateId"]).body

    answer = look(service, own["certificateId"])
    page = look(service, own["certificateId"], BROWSER)

    assert (answer.json["status"], answer.json["holderName"]) == ("revoked", None)
    assert answer.json["revokedAt"] == revoked["revokedAt"]
    for shown in (answer.text, page.text):
        assert "Cheated" not in shown
        assert "Ada" not in shown
    # ... but to the learner.
    told = student.certificate().body
    assert (told["holderName"], told["revocationReason"]) == ("Ada Lovelace", "Cheated.")
    assert told["credential"] is None


@pytest.mark.parametrize(
    "written",
    [
        str.lower,
        lambda one: "-".join(one[n : n + 5] for n in range(0, 26, 5)),
        lambda one: one.replace("0", "O").replace("1", "l"),
        lambda one: one.replace("0", "o").replace("1", "I").lower(),
    ],
)
def test_an_id_is_read_leniently_and_redirected_to_its_canonical_form(
    service: Flask, student: Learner, written: object
) -> None:
    assert callable(written)
    own = "none"
    while not {"0", "1"} <= set(own):  # else there is nothing to misread
        student = Learner(student.transport, f"{student.name}x", student.tutorial)
        own = earn(student)["certificateId"]

    answer = look(service, written(own))

    assert (answer.status_code, answer.headers["Location"]) == (308, own)
    # ... behind a gateway that adds a path, too: the address is relative.
    target = urljoin(f"{PREFIX}/certificates/{written(own)}", answer.headers["Location"])
    followed: Any = service.test_client().get(target)
    assert (followed.status_code, followed.json["certificateId"]) == (200, own)


@pytest.mark.parametrize(
    "certificate_id",
    [
        *(UNKNOWN, "8" + "0" * 25, "U" * 26, "0" * 25, "0" * 27, "0" * 300, "x", "%00" * 26),
        *("%FF" * 26, "\u0131" * 26, "0" * 25 + "%2F", "..%2F" * 10, "-" * 26, "%20" * 26),
    ],
)
def test_an_unknown_or_malformed_id_is_not_found(service: Flask, certificate_id: str) -> None:
    for accept in (None, BROWSER):
        answer = look(service, certificate_id, accept)
        assert answer.status_code == 404
        assert answer.json["error"] in {"Certificate not found", "Not Found"}
        assert answer.headers["Cache-Control"] == "no-store"


PAGES = [
    *(BROWSER, "text/html", "TEXT/HTML", "text/*", "text/html;q=0.9, application/json;q=0.8"),
    *("text/html, application/xhtml+xml, image/jxr, */*", "application/json;q=0, */*"),
]
NOT_PAGES = [
    *(None, "", "*/*", "application/json", "application/*", "image/png", "text/plain;q=0.5, */*"),
    *("text/html;q=0.8, application/json;q=0.9", "text/html;q=0", "text/html;q=x", ";", "a/b/c"),
    *("text/html;q=-1", ",,,", "text", "\xff", "text/html, application/json"),
]


@pytest.mark.parametrize("accept", PAGES)
def test_a_browser_gets_a_page(service: Flask, student: Learner, accept: str) -> None:
    answer = look(service, earn(student)["certificateId"], accept)

    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert answer.text.startswith("<!doctype html>")


@pytest.mark.parametrize("accept", NOT_PAGES)
def test_whatever_else_is_accepted_gets_json(
    service: Flask, student: Learner, accept: str | None
) -> None:
    answer = look(service, earn(student)["certificateId"], accept)

    assert (answer.status_code, answer.mimetype) == (200, "application/json")


def test_the_page_loads_nothing_and_runs_nothing(service: Flask, student: Learner) -> None:
    answer = look(service, earn(student)["certificateId"], BROWSER)

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "script" not in policy
    assert not re.search(r"<script|<link|<img|<iframe|<form| on\w+=| style=", answer.text)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "public, max-age=60"


def test_markup_in_titles_names_and_ids_is_text(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    app = make_app(certificate_issuer_name=MARKUP)
    student = make_learner(app, tutorial=f"t{MARKUP}")
    put(with_scope(student, "progress:author"), outline("chapter-0", title=MARKUP))
    certificate_id = earn(student, {"holderName": MARKUP})["certificateId"]

    page = look(app, certificate_id, BROWSER).text

    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;&amp;amp;") == 4


def test_valid_and_revoked_are_told_apart_by_words(service: Flask, student: Learner) -> None:
    certificate_id = earn(student)["certificateId"]
    valid = look(service, certificate_id, BROWSER).text
    revoke(student, certificate_id)
    revoked = look(service, certificate_id, BROWSER).text

    assert ("> Valid<" in valid, "Revoked" in valid) == (True, False)
    assert ("> Revoked<" in revoked, "> Valid<" in revoked) == (True, False)
    assert "Revoked on" in revoked


def test_ids_that_are_tried_one_after_another_are_limited_by_address(make_app: MakeApp) -> None:
    app = make_app(ratelimit_enabled=True, ratelimit_certificate="3/hour")

    statuses = [look(app, f"{number:026}").status_code for number in range(5)]

    assert statuses == [404, 404, 404, 429, 429]


def test_only_the_certificate_itself_may_be_stored(make_app: MakeApp, student: Learner) -> None:
    certificate_id = earn(student)["certificateId"]
    app = make_app(ratelimit_enabled=True, ratelimit_certificate="4/hour")
    client = app.test_client()

    def ask(text: str, method: str = "GET") -> tuple[int, str]:
        answer = client.open(f"{PREFIX}/certificates/{text}", method=method)
        return answer.status_code, answer.headers["Cache-Control"]

    assert ask(certificate_id) == ask(certificate_id, "HEAD") == (200, "public, max-age=60")
    assert ask(certificate_id.lower()) == (308, "no-store")
    assert ask(UNKNOWN) == (404, "no-store")
    assert ask(certificate_id) == (429, "no-store")
    assert ask(certificate_id, "POST") == (405, "no-store")
    assert ask(f"{certificate_id}/revoke", "POST") == (401, "no-store")


def test_a_certificate_of_an_erased_learner_is_as_one_that_never_was(
    service: Flask, student: Learner
) -> None:
    certificate_id = earn(student)["certificateId"]
    with service.app_context():
        LearnerRepository(service.extensions["sqlalchemy"].engine).erase(student.name)

    erased, never = (look(service, one).json for one in (certificate_id, UNKNOWN))

    assert {**erased, "requestId": ""} == {**never, "requestId": ""}


def test_a_learner_may_look_though_an_address_may_not(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    app = make_app(ratelimit_enabled=True, ratelimit_certificate="1/hour")
    student = make_learner(app)
    look(app, UNKNOWN)
    assert look(app, UNKNOWN).status_code == 429

    assert earn(student)["tutorialId"] == student.tutorial


def test_a_tutorial_named_certificates_keeps_its_endpoints(
    service: Flask, make_learner: MakeLearner
) -> None:
    student = make_learner(tutorial="certificates")

    put(with_scope(student, "progress:author"), outline("chapter-0"))
    certificate = earn(student)

    assert student.progress()["tutorialId"] == certificate["tutorialId"] == "certificates"
    assert student.send("GET", "/outline").status == 200
    assert student.answer_quiz().status == student.reset().status == 200
    keys: Any = service.test_client().get(f"{PREFIX}/certificates/jwks")
    assert keys.json == {"keys": []}


REASON = {"reason": "Cheated."}


def test_an_admin_revokes_and_reinstates_a_certificate(service: Flask, student: Learner) -> None:
    own = earn(student, {"holderName": "Ada"})
    before = student.progress()

    revoked = revoke(student, own["certificateId"])
    assert revoked.body["revocationReason"] == "Cheated."
    assert student.progress() == before

    reinstated = change(student, own["certificateId"], "reinstate", {}, "progress:admin")
    assert (reinstated.status, reinstated.body) == (200, own)
    assert look(service, own["certificateId"]).json["holderName"] == "Ada"


def test_revoking_and_reinstating_again_changes_nothing(student: Learner) -> None:
    own = earn(student)

    first = revoke(student, own["certificateId"]).body
    assert revoke(student, own["certificateId"], "Another reason.").body == first
    for _ in range(2):
        reinstated = change(student, own["certificateId"], "reinstate", {}, "progress:admin")
        assert reinstated.body == own


def test_an_id_in_another_form_is_revoked_too(student: Learner) -> None:
    certificate_id = earn(student)["certificateId"]

    revoke(student, certificate_id.lower())

    assert student.certificate().body["revokedAt"]


@pytest.mark.parametrize(
    "scope", [None, "progress:author", "progress:report", "progress:admins", "Progress:admin"]
)
@pytest.mark.parametrize("action", ["revoke", "reinstate"])
def test_only_an_admin_does_so(student: Learner, action: str, scope: object) -> None:
    certificate_id = earn(student)["certificateId"]

    answer = change(student, certificate_id, action, REASON, scope)

    assert (answer.status, answer.body["error"]) == (403, "Forbidden")
    assert student.certificate().body["revokedAt"] is None


@pytest.mark.parametrize("reason", [None, "", " ", "x" * 501, 1, "a\0"])
def test_an_invalid_reason_is_refused(student: Learner, reason: object) -> None:
    certificate_id = earn(student)["certificateId"]

    answer = change(student, certificate_id, "revoke", {"reason": reason}, "progress:admin")

    assert (answer.status, list(answer.body["fields"])) == (400, ["reason"])
    assert student.certificate().body["revokedAt"] is None


def test_what_is_unknown_cannot_be_revoked(student: Learner) -> None:
    for action in ("revoke", "reinstate"):
        answer = change(student, UNKNOWN, action, REASON, "progress:admin")
        assert (answer.status, answer.body["error"]) == (404, "Certificate not found")
