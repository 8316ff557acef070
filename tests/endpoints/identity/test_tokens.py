"""A valid token identifies its learner; any other is 401, never 422 and never 500."""

import json
import re
import time
from typing import Any

import jwt
import pytest
from flask import Flask

from progress_api.api import API
from progress_api.web.endpoint import Access
from tests.client import PREFIX, SECRET, InProcess, Learner, token
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.expectations import (
    ENDPOINTS,
    ask_without_token,
    assert_unauthenticated,
    written,
)
from tests.endpoints.identity.tokens import FAR, HS256, ask_with, compact, unsigned

OTHER_SECRET = "another secret, also of more than 32 bytes"
LONG_SECRET = "a secret that is long enough for HS512: 64 bytes, as it says ..."

HEADERS = {
    "nothing": "",
    "a blank": " ",
    "commas": ", ,x",
    "no token": "Bearer",
    "a blank token": "Bearer  ",
    "three tokens": "Bearer a b c",
    "no JWT": "Bearer abc",
    "three bad parts": "Bearer a.b.c",
    "three empty parts": "Bearer ..",
    "four parts": "Bearer a.b.c.d",
    "Basic": "Basic bGVhcm5lcjpwYXNz",
    "Basic and Bearer": "Basic a, Bearer b",
    "another scheme": "Token abc",
    "no ASCII": "Bearer \u00e9",
    "very long": "Bearer " + "a" * 50_000,
}
CLAIMS: dict[str, dict[str, Any]] = {
    "not yet valid": {"nbf": FAR},
    "issued in the future": {"iat": FAR},
    "ends in a word": {"exp": "tomorrow"},
    "ends in a list": {"exp": [FAR]},
    "ends in an object": {"exp": {"at": FAR}},
    "begins in a word": {"nbf": "yesterday"},
    "refreshes only": {"type": "refresh"},
}
SUBJECTS: dict[str, Any] = {
    "missing": None,
    "empty": "",
    "blank": " \t",
    "a number": 5,
    "a fraction": 1.5,
    "a boolean": True,
    "a list": ["learner"],
    "an object": {"id": "learner"},
    "256 characters": "x" * 256,
    "10,000 characters": "x" * 10_000,
    "with NUL": "a\x00b",
    "a lone surrogate": "\ud800",
}
PAYLOADS = {
    "empty": b"",
    "no JSON": b"learner",
    "no UTF-8": b'{"sub":"\xff","exp":4102444800}',
    "an array": b'["sub","exp"]',
    "a string": b'"learner"',
    "null": b"null",
    "sub null": b'{"sub":null,"exp":4102444800}',
    "exp null": b'{"sub":"learner","exp":null}',
    "exp infinite": b'{"sub":"learner","exp":1e999}',
    "exp no number": b'{"sub":"learner","exp":NaN}',
    "nbf infinite": b'{"sub":"learner","exp":4102444800,"nbf":1e999}',
    "deep": b'{"sub":"learner","exp":4102444800,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep from the start": b"[" * 100_000,
}
TOKEN_HEADERS = {
    "no JSON": b"{",
    "an array": b"[]",
    "no algorithm": b'{"typ":"JWT"}',
    "an unknown algorithm": b'{"alg":"HS1"}',
    "an algorithm that is no text": b'{"alg":["HS256"]}',
    "none in capitals": b'{"alg":"NONE"}',
    "a public key's algorithm": b'{"alg":"RS256"}',
    "a key id that is no text": b'{"alg":"HS256","kid":[]}',
    "a condition that nobody knows": b'{"alg":"HS256","crit":["x"],"x":1}',
    "deep": b'{"alg":"HS256","x":' + b"[" * 100_000,
}


PUBLIC = {endpoint.name for endpoint in API.endpoints if endpoint.access is Access.PUBLIC}


def test_the_learner_is_the_tokens_subject(learner: Learner) -> None:
    assert learner.progress()["userId"] == learner.name


def test_every_route_under_the_prefix_needs_a_token(service: Flask) -> None:
    asked = [
        (method, re.sub("<.*>", "a" * 26, rule.rule))
        for rule in service.url_map.iter_rules()
        if rule.rule.startswith(PREFIX) and rule.endpoint.rpartition(".")[2] not in PUBLIC
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    ]
    assert len(asked) >= len(ENDPOINTS)
    for method, path in asked:
        assert_unauthenticated(InProcess(service).send(method, path, {}, None))


@pytest.mark.parametrize(
    "header", ["Bearer {} x", "Bearer {}, Bearer x", "Bearer{}", "Bearer x {}"]
)
def test_a_token_with_something_else_in_its_place_is_refused(learner: Learner, header: str) -> None:
    given = {"Authorization": header.format(token(learner.name))}
    assert_unauthenticated(learner.send("GET", headers=given))


@pytest.mark.parametrize("header", ["Bearer  {}", "bearer {}", " Bearer {} ", "Basic a, Bearer {}"])
def test_a_token_is_found_in_its_header(learner: Learner, header: str) -> None:
    given = {"Authorization": header.format(token(learner.name))}
    assert learner.send("GET", headers=given).status == 200


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_a_header_without_a_token_is_refused(service: Flask, endpoint: str, header: str) -> None:
    body = written(ENDPOINTS[endpoint].body)
    answer = ask_without_token(service, endpoint, headers={"Authorization": header}, data=body)
    assert_unauthenticated(answer)


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS.keys())
def test_a_token_that_is_not_valid_now_is_refused(learner: Learner, claims: dict[str, Any]) -> None:
    assert_unauthenticated(ask_with(learner, token(learner.name, **claims)))


@pytest.mark.parametrize("end", [0, 1, -1, 1.5, "1"])
def test_an_expired_token_is_refused_and_says_so(learner: Learner, end: object) -> None:
    answer = ask_with(learner, token(learner.name, exp=end))
    assert_unauthenticated(answer, "The token has expired; sign in again.")


def test_a_token_without_an_end_is_refused_and_says_so(learner: Learner) -> None:
    answer = ask_with(learner, token(learner.name, exp=None))
    assert_unauthenticated(answer, "The token has no exp claim.")


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS.keys())
def test_a_token_that_names_no_learner_is_refused(learner: Learner, subject: object) -> None:
    assert_unauthenticated(ask_with(learner, token(subject)))


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_well_signed_token_of_nonsense_is_refused(learner: Learner, payload: bytes) -> None:
    assert_unauthenticated(ask_with(learner, compact(payload)))


@pytest.mark.parametrize("header", TOKEN_HEADERS.values(), ids=TOKEN_HEADERS.keys())
def test_a_token_with_a_header_of_nonsense_is_refused(learner: Learner, header: bytes) -> None:
    payload = json.dumps({"sub": learner.name, "exp": FAR}).encode()
    assert ask_with(learner, compact(payload, header=HS256)).status == 200
    assert_unauthenticated(ask_with(learner, compact(payload, header=header)))


def test_a_token_signed_with_another_secret_is_refused(learner: Learner) -> None:
    assert_unauthenticated(ask_with(learner, token(learner.name, key=OTHER_SECRET)))


def test_a_token_that_was_changed_after_it_was_signed_is_refused(
    learner: Learner, make_learner: MakeLearner
) -> None:
    head, _, signature = token(learner.name).split(".")
    _, payload, _ = token(make_learner().name).split(".")
    assert_unauthenticated(ask_with(learner, f"{head}.{payload}.{signature}"))


def test_an_unsigned_token_is_refused(learner: Learner) -> None:
    assert_unauthenticated(ask_with(learner, unsigned(learner.name)))


@pytest.mark.parametrize(("algorithm", "status"), [("HS256", 200), ("HS384", 401), ("HS512", 401)])
def test_only_the_configured_algorithm_is_accepted(
    make_app: MakeApp, make_learner: MakeLearner, algorithm: str, status: int
) -> None:
    learner = make_learner(make_app(jwt_secret_key=LONG_SECRET))
    signed = token(learner.name, key=LONG_SECRET, algorithm=algorithm)
    assert ask_with(learner, signed).status == status


def test_the_algorithm_is_a_setting(make_app: MakeApp, make_learner: MakeLearner) -> None:
    learner = make_learner(make_app(jwt_algorithm="HS512", jwt_secret_key=LONG_SECRET))
    assert ask_with(learner, token(learner.name, key=LONG_SECRET, algorithm="HS512")).status == 200
    assert_unauthenticated(ask_with(learner, token(learner.name, key=LONG_SECRET)))


@pytest.mark.parametrize(
    ("claim", "seconds", "status"),
    [("exp", -30, 200), ("exp", -90, 401), ("nbf", 30, 200), ("nbf", 90, 401)],
)
def test_clocks_may_differ_by_the_leeway(
    make_app: MakeApp, make_learner: MakeLearner, claim: str, seconds: int, status: int
) -> None:
    learner = make_learner(make_app(jwt_decode_leeway=60))
    claims: dict[str, Any] = {claim: int(time.time()) + seconds}
    assert ask_with(learner, token(learner.name, **claims)).status == status


@pytest.mark.parametrize(
    ("setting", "claims", "status"),
    [
        ("jwt_decode_audience", {"aud": "progress"}, 200),
        ("jwt_decode_audience", {"aud": ["mail", "progress"]}, 200),
        ("jwt_decode_audience", {"aud": "mail"}, 401),
        ("jwt_decode_audience", {"aud": []}, 401),
        ("jwt_decode_audience", {"aud": 7}, 401),
        ("jwt_decode_audience", {}, 401),
        ("jwt_decode_issuer", {"iss": "progress"}, 200),
        ("jwt_decode_issuer", {"iss": "mail"}, 401),
        ("jwt_decode_issuer", {"iss": ""}, 401),
        ("jwt_decode_issuer", {}, 401),
    ],
)
def test_a_token_must_be_for_the_audience_and_from_the_issuer_of_the_settings(
    make_app: MakeApp, make_learner: MakeLearner, setting: str, claims: dict[str, Any], status: int
) -> None:
    learner = make_learner(make_app(**{setting: "progress"}))
    assert ask_with(learner, token(learner.name, **claims)).status == status


@pytest.mark.parametrize("claim", ["user_id", "https://example.org/learner"])
def test_the_claim_that_names_the_learner_is_a_setting(
    make_app: MakeApp, make_learner: MakeLearner, claim: str
) -> None:
    learner = make_learner(make_app(jwt_identity_claim=claim))
    named: dict[str, Any] = {claim: learner.name}
    answer = ask_with(learner, token("the subject", **named))
    assert answer.body["userId"] == learner.name
    assert ask_with(learner, token(None, **named)).status == 200
    assert_unauthenticated(ask_with(learner, token(learner.name)))
    assert_unauthenticated(ask_with(learner, token("the subject", **{**named, claim: 7})))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("data", [b"{", b"[" * 70_000, b'{"userId":"somebody else"}'])
def test_who_is_not_known_learns_nothing_of_the_rest_of_the_request(
    service: Flask, endpoint: str, data: bytes
) -> None:
    answer = ask_without_token(service, endpoint, data=data, tutorial="%00")
    assert_unauthenticated(answer)


def test_a_token_of_the_library_of_the_service_is_accepted(learner: Learner) -> None:
    claims = {"sub": learner.name, "exp": FAR, "iat": 1, "nbf": 1, "jti": "1", "type": "access"}
    assert ask_with(learner, jwt.encode({**claims, "fresh": False}, SECRET)).status == 200
