"""docs/tokens.md is true: the tokens of its Python are accepted, and refusals say what it says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.client import SECRET, Answer, Learner, token
from tests.conftest import MakeApp, MakeLearner
from tests.docs.console import block_below
from tests.endpoints.identity.keys import KeyPair, key_server, new_key_pair
from tests.endpoints.identity.tokens import FAR

SHARED, PAIR = "## A shared secret: HS256", "## A key pair: RS256"
PUBLISHED, COOKIES = "## Published keys: JWKS", "## Cookies and CSRF"
# For each line of the table, how a token differs from an accepted token.
WRONG: dict[str, dict[str, Any]] = {
    "the signature was made with another key": {"key": "another secret, of over 32 bytes"},
    "`alg` is not `JWT_ALGORITHM`": {"key": 2 * SECRET, "algorithm": "HS512"},
    "`exp` has passed": {"exp": 1},
    "`nbf` or `iat` is in the future": {"nbf": FAR},
    "`exp` is missing": {"exp": None},
    "`aud` is another audience": {"aud": "mail"},
    "`aud` is missing, and one is expected": {"aud": None},
    "`iss` is another issuer": {"iss": "mail"},
    "`iss` is missing, and one is expected": {"iss": None},
    "`sub` is missing or not an id": {"sub": 7},
    "`type` is `refresh`": {"type": "refresh"},
}
NO_TOKEN = "no token was sent"
TWO_TOKENS = "`Bearer` is not followed by one token"
NO_JWT = "the token is not a JWT"
UNKNOWN_KEY = "`kid` is not among the published keys"
IN_A_COOKIE = "the token is in a cookie, and its `csrf` was not sent"

Run = Callable[[str], str]


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    """The page."""
    return (root / "docs/tokens.md").read_text()


@pytest.fixture
def run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run the Python below a heading where the service's secret is known; return what it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)

    def run(heading: str) -> str:
        exec(block_below(heading, page, "python"), {})  # noqa: S102
        return capsys.readouterr().out.strip()

    return run


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    """What the openssl of the page makes."""
    return new_key_pair("RS256")


@pytest.fixture
def key_files(pair: KeyPair, tmp_path: Path) -> None:
    """Where the page has openssl put them."""
    private = pair.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "private.pem").write_bytes(private)
    (tmp_path / "public.pem").write_text(pair.public)


def ask(learner: Learner, encoded: str) -> Answer:
    return learner.send("GET", headers={"Authorization": f"Bearer {encoded}"})


def test_a_token_of_the_shared_secret_is_accepted(learner: Learner, run: Run) -> None:
    assert ask(learner, run(SHARED)).body["userId"] == "alice"


@pytest.mark.usefixtures("key_files")
def test_a_token_of_the_key_pair_is_accepted(
    make_app: MakeApp, make_learner: MakeLearner, run: Run, pair: KeyPair
) -> None:
    settings = {"jwt_algorithm": "RS256", "jwt_secret_key": None, "jwt_public_key": pair.public}
    learner = make_learner(make_app(**settings))

    assert ask(learner, run(PAIR)).body["userId"] == "alice"


@pytest.mark.usefixtures("key_files")
def test_the_published_key_verifies_the_token_of_the_key_pair(
    make_app: MakeApp, make_learner: MakeLearner, run: Run, tmp_path: Path
) -> None:
    run(PUBLISHED)
    with key_server() as server:
        server.send("200 OK", "application/json", (tmp_path / "jwks.json").read_bytes())
        settings = {"jwt_algorithm": "RS256", "jwt_secret_key": None, "jwt_jwks_url": server.url}
        learner = make_learner(make_app(**settings))

        assert ask(learner, run(PAIR)).body["userId"] == "alice"


def test_the_cookies_let_a_page_post_that_repeats_the_second_one(
    make_app: MakeApp, make_learner: MakeLearner, run: Run
) -> None:
    learner = make_learner(make_app(jwt_token_location=("cookies",)))
    cookies = dict(re.findall(r"^Set-Cookie: (\w+)=([\w.-]+);", run(COOKIES), re.MULTILINE))
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers = {"Cookie": sent, "Authorization": "", "X-CSRF-TOKEN": cookies["csrf_token"]}
    body = {"chapterId": "one", "watchTime": 1}

    assert learner.post("/chapter", body, headers).body["userId"] == "alice"
    refused = learner.post("/chapter", body, headers | {"X-CSRF-TOKEN": ""})
    assert refused.status == 401


@pytest.fixture
def unknown_key(make_app: MakeApp, make_learner: MakeLearner, pair: KeyPair) -> Answer:
    """What a token of a key that is not published is answered with."""
    with key_server() as server:
        server.publish(known=pair)
        settings = {"jwt_algorithm": "RS256", "jwt_secret_key": None, "jwt_jwks_url": server.url}
        return ask(make_learner(make_app(**settings)), pair.sign("alice", "unknown"))


def test_a_refusal_says_what_the_table_has_for_what_is_wrong(
    page: str, make_app: MakeApp, make_learner: MakeLearner, unknown_key: Answer
) -> None:
    section = page.partition("## What a 401 means")[2].partition("\n## ")[0]
    table = dict(re.findall(r"^\| (.*) \| `(.* .*)` \|$", section, re.MULTILINE))
    accepted: dict[str, Any] = {"sub": "alice", "aud": "progress", "iss": "login"}
    learner = make_learner(make_app(jwt_decode_audience="progress", jwt_decode_issuer="login"))
    assert ask(learner, token(**accepted)).status == 200

    answers = {what: ask(learner, token(**accepted | wrong)) for what, wrong in WRONG.items()}
    answers[NO_TOKEN] = learner.send("GET", headers={"Authorization": ""})
    answers[TWO_TOKENS] = ask(learner, "one two")
    answers[NO_JWT] = ask(learner, "one")
    answers[UNKNOWN_KEY] = unknown_key
    held = {"Cookie": f"access_token_cookie={token('alice', csrf='x')}", "Authorization": ""}
    by_cookie = make_learner(make_app(jwt_token_location=("cookies",)), headers=held)
    answers[IN_A_COOKIE] = by_cookie.watch()

    assert {answer.status for answer in answers.values()} == {401}
    assert {what: answer.body["detail"] for what, answer in answers.items()} == table
