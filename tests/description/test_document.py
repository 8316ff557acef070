"""The OpenAPI document: where it is, what it names, and what the settings change of it."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from jsonschema import ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator
from prometheus_client import CollectorRegistry
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from progress_api import ProgressAPI, Settings
from progress_api.cli import progress
from tests.client import PREFIX, SECRET, InProcess, Learner
from tests.conftest import MakeApp, MakeLearner
from tests.described import assert_described
from tests.description.conftest import Describe
from tests.endpoints.expectations import assert_field_refused

ADDRESS = f"{PREFIX}/openapi.json"
ANY_ANSWERS_HEADERS = {"X-Request-ID": "1", "Cache-Control": "no-store"}
NAMES = {
    "getProgress",
    "recordChapter",
    "recordQuiz",
    "completeTutorial",
    "resetProgress",
    "getDescription",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "behind TLS": {"require_https": True, "jwt_token_location": ("headers", "cookies")},
    "elsewhere": {"url_prefix": "/api/progress", "ratelimit_enabled": True},
}


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS.keys())
def test_the_document_is_valid_openapi(make_app: MakeApp, settings: dict[str, Any]) -> None:
    app = make_app(**settings)
    prefix = settings.get("url_prefix", PREFIX)

    address = f"{prefix}/openapi.json"
    document: Any = app.test_client().get(address, base_url="https://localhost").json

    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_the_file_in_the_repository_is_what_the_command_prints(root: Path) -> None:
    printed = CliRunner().invoke(progress, ["openapi"], env={"URL_PREFIX": ""}).output

    assert (root / "docs/openapi.json").read_text() == printed, "run make openapi"


def test_every_route_is_an_operation_with_a_name(service: Flask, describe: Describe) -> None:
    document = describe()

    described = {
        (method.upper(), path): operation["operationId"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    routes = {
        (method, re.sub(r"<(?:[^<>]+:)?(\w+)_id>", r"{\1Id}", rule.rule))
        for rule in service.url_map.iter_rules()
        if rule.rule.startswith(PREFIX)
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    }
    assert described.keys() == routes
    assert set(described.values()) >= NAMES


def test_it_needs_no_token_and_has_no_limit(make_app: MakeApp) -> None:
    transport = InProcess(make_app(ratelimit_enabled=True, ratelimit_get="1/hour"))

    answers = [transport.send("GET", ADDRESS, {}, None) for _ in range(3)]

    assert [answer.status for answer in answers] == [200] * 3


def test_it_is_not_sent_again_to_a_client_that_names_its_version(service: Flask) -> None:
    client = service.test_client()
    first = client.get(ADDRESS)

    again = client.get(ADDRESS, headers={"If-None-Match": first.headers["ETag"]})
    other = client.get(ADDRESS, headers={"If-None-Match": '"another"'})

    assert not first.headers["ETag"].startswith("W/")
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (other.status_code, other.data) == (200, first.data)


def test_what_changes_the_document_changes_its_version(make_app: MakeApp) -> None:
    apps = [make_app(), make_app(progress_max_chapters=7)]

    tags = {app.test_client().get(ADDRESS).headers["ETag"] for app in apps}

    assert len(tags) == 2


@pytest.mark.parametrize("endpoint", ["chapter", "quiz", "complete", "reset"])
def test_a_tutorial_of_its_name_is_refused_before_it_could_be_lost(
    make_learner: MakeLearner, endpoint: str
) -> None:
    learner = make_learner(tutorial="openapi.json")

    method, path = ("DELETE", "") if endpoint == "reset" else ("POST", f"/{endpoint}")
    answer = learner.send(method, path, b"{}")

    told = "openapi.json is where this service describes itself."
    assert_field_refused(answer, "tutorialId", told)


@pytest.mark.parametrize("tutorial", ["openapi", "openapi.json ", "OpenAPI.json", "x/openapi.json"])
def test_a_tutorial_of_nearly_its_name_is_one(make_learner: MakeLearner, tutorial: str) -> None:
    learner = make_learner(tutorial=tutorial)
    assert learner.watch().status == 200
    assert learner.progress()["tutorialId"] == tutorial


def test_the_document_calls_blank_what_the_service_calls_blank(
    describe: Describe, learner: Learner
) -> None:
    chapter_id = describe()["components"]["schemas"]["ChapterPost"]["properties"]["chapterId"]
    blank = [character for character in map(chr, range(0x3001)) if character.isspace()]

    for character in (*blank, "\x00", "\x1b", "a", "\u180e", "\u200b", "\ufeff"):
        taken = learner.watch(character).status == 200
        assert taken == bool(re.search(chapter_id["pattern"], character)), ascii(character)


def test_the_settings_are_described(make_app: MakeApp, describe: Describe) -> None:
    app = make_app(
        url_prefix="/api/progress",
        ratelimit_enabled=True,
        ratelimit_quiz="7/hour",
        progress_max_chapters=12,
        progress_max_body_bytes=2048,
        progress_admin_scope="staff",
        progress_sticky_completion=True,
    )

    document = describe(app, "/api/progress")

    assert all(path.startswith("/api/progress") for path in document["paths"])
    told = document["info"]["description"]
    figures = ("at most 12 chapters", "2048 bytes", "`staff`", "completed chapter stays completed")
    assert all(figure in told for figure in figures)
    quiz = document["paths"]["/api/progress/{tutorialId}/quiz"]["post"]
    assert "At most 7/hour for each learner." in quiz["description"]
    limited = quiz["responses"]["429"]["content"]["application/json"]["examples"]
    assert "7 per 1 hour" in limited["LimitExceeded"]["value"]["detail"]


def test_without_limits_there_is_no_429(describe: Describe) -> None:
    for operations in describe()["paths"].values():
        assert all("429" not in operation["responses"] for operation in operations.values())


def test_cookies_need_the_token_of_the_page_to_write(make_app: MakeApp, describe: Describe) -> None:
    document = describe(make_app(jwt_token_location=("headers", "cookies")))

    operations = document["paths"][f"{PREFIX}/{{tutorialId}}"]
    assert operations["get"]["security"] == [{"bearer": []}, {"cookie": []}]
    assert operations["delete"]["security"] == [{"bearer": []}, {"cookie": [], "csrf": []}]
    assert document["components"]["securitySchemes"].keys() == {"bearer", "cookie", "csrf"}


def test_a_guest_describes_itself_where_it_is_mounted(shared_database: str) -> None:
    host = Flask("host")
    settings = Settings(
        database_url=shared_database, jwt_secret_key=SECRET, url_prefix="/learn/progress"
    )
    ProgressAPI(host, settings=settings)
    host.wsgi_app = DispatcherMiddleware(Flask("root"), {"/school": host.wsgi_app})  # type: ignore[method-assign]

    document: Any = host.test_client().get("/school/learn/progress/openapi.json").json

    assert document["servers"] == [{"url": "/school"}]
    assert "/learn/progress/{tutorialId}/quiz" in document["paths"]


def test_a_host_that_identifies_the_learner_itself_describes_no_token(
    shared_database: str,
) -> None:
    host = Flask("host")
    settings = Settings(database_url=shared_database)
    ProgressAPI(host, settings=settings, learner=lambda: "ada", registry=CollectorRegistry())

    document: Any = host.test_client().get(ADDRESS).json

    assert "securitySchemes" not in document["components"]
    assert "security" not in document["paths"][f"{PREFIX}/{{tutorialId}}"]["get"]


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/intro", 418, {"error": "a teapot", "detail": "It is one.", "requestId": "1"}),
        ("GET", "/intro", 200, {"tutorialId": "intro"}),
        ("DELETE", "/intro", 200, {"success": True, "message": "Done", "more": 1}),
        ("POST", "/intro/chapter", 400, {"error": "Bad", "detail": "So.", "requestId": None}),
        ("POST", "/a/b/c", 200, {}),
    ],
)
def test_the_tests_own_client_refuses_an_answer_that_is_not_described(
    method: str, path: str, status: int, body: object
) -> None:
    answer: Any = SimpleNamespace(status=status, headers=ANY_ANSWERS_HEADERS, body=body)
    with pytest.raises((AssertionError, ValidationError)):
        assert_described(PREFIX, method, PREFIX + path, answer)


def test_the_tests_own_client_looks_at_headers(service: Flask) -> None:
    body = json.loads(service.test_client().get(f"{PREFIX}/intro").data)
    told = ANY_ANSWERS_HEADERS | {"WWW-Authenticate": "Bearer"}
    whole: Any = SimpleNamespace(status=401, headers=told, body=body)
    assert_described(PREFIX, "GET", f"{PREFIX}/intro", whole)
    for headers in (ANY_ANSWERS_HEADERS, told | {"Retry-After": "1"}):
        answer: Any = SimpleNamespace(status=401, headers=headers, body=body)
        with pytest.raises(AssertionError):
            assert_described(PREFIX, "GET", f"{PREFIX}/intro", answer)
