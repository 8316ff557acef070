"""Nothing of a host's is changed by a guest, while it is mounted or while it serves."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response, abort
from flask.json.provider import DefaultJSONProvider
from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from prometheus_client import CollectorRegistry
from prometheus_flask_exporter import PrometheusMetrics
from sqlalchemy import create_engine

from progress_api import ProgressAPI, SettingsError
from tests.client import PREFIX, SECRET
from tests.host.conftest import learner_of, with_database

PATHS = ("/page", "/numbers", "/broken", "/refused", "/nothing", "/page/", "/metrics")
HEADERS = {"Origin": "https://elsewhere.example", "X-Request-ID": "mine"}


class Sorted(DefaultJSONProvider):
    """A host's own idea of JSON."""

    indent = 4


def the_host(database_url: str) -> Flask:
    """A host that has everything."""
    app = Flask("host")
    app.json = Sorted(app)
    app.config |= {"JWT_SECRET_KEY": SECRET, "RATELIMIT_HEADERS_ENABLED": True, "URL_PREFIX": "/x"}
    with_database(app, database_url)
    manager = JWTManager(app)
    manager.unauthorized_loader(lambda why: (f"<p>{why}</p>", 499))
    Limiter(lambda: "all", app=app, storage_uri="memory://", default_limits=["10000 per hour"])
    metrics = PrometheusMetrics(app, registry=CollectorRegistry())
    app.extensions["host-metrics"] = metrics.registry
    app.register_error_handler(404, lambda _: ("<h1>not here</h1>", 404))
    app.register_error_handler(500, lambda _: ("<h1>broken</h1>", 500))
    app.before_request(lambda: None)
    app.after_request(_sign)
    _add_pages(app)
    return app


def _sign(response: Response) -> Response:
    response.headers["X-Host"] = "its own"
    return response


def _add_pages(app: Flask) -> None:
    def broken() -> str:
        raise LookupError

    app.add_url_rule("/page", "page", lambda: "<p>a page</p>")
    app.add_url_rule("/numbers", "numbers", lambda: {"b": 1, "a": 2})
    app.add_url_rule("/broken", "broken", broken)
    app.add_url_rule("/refused", "refused", lambda: abort(403))


def _guest(app: Flask) -> ProgressAPI:
    return ProgressAPI(app, registry=app.extensions["host-metrics"])


PICTURES: dict[str, Callable[[Flask], Any]] = {
    "routes": lambda app: sorted(
        (rule.rule, rule.endpoint, sorted(rule.methods or ()))
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith("progress_api.")
    ),
    "url map": lambda app: [app.url_map.merge_slashes, app.url_map.strict_slashes],
    "error handlers": lambda app: {
        name: {code: dict(of) for code, of in codes.items() if of}
        for name, codes in app.error_handler_spec.items()
        if name != "progress_api"
    },
    "before": lambda app: _of_the_host(app.before_request_funcs),
    "after": lambda app: _of_the_host(app.after_request_funcs),
    "teardown": lambda app: _of_the_host(app.teardown_request_funcs),
    "app teardown": lambda app: list(app.teardown_appcontext_funcs),
    "context processors": lambda app: _of_the_host(app.template_context_processors),
    "url values": lambda app: _of_the_host(app.url_value_preprocessors),
    "config": lambda app: dict(app.config),
    "extensions": lambda app: {
        name: id(one) for name, one in app.extensions.items() if name != "progress_api"
    },
    "jwt callbacks": lambda app: dict(vars(app.extensions["flask-jwt-extended"])),
    "limiters": lambda app: [
        (id(one), one.limit_manager.default_limits) for one in app.extensions["limiter"]
    ],
    "blueprints": lambda app: [name for name in app.blueprints if name != "progress_api"],
    "commands": lambda app: sorted(app.cli.commands),
    "engine": lambda app: [
        (name, len(list(getattr(_engine(app).pool.dispatch, name))))
        for name in ("connect", "checkout", "checkin", "detach", "invalidate")
    ],
    "json": lambda app: (id(app.json), app.json_provider_class),
    "wsgi": lambda app: "wsgi_app" in vars(app),
    "classes": lambda app: (app.request_class, app.response_class, app.session_interface),
    "jinja": lambda app: (sorted(app.jinja_env.globals), sorted(app.jinja_env.filters)),
    "loggers": lambda _: [
        (name, logging.getLogger(name).handlers, logging.getLogger(name).level)
        for name in ("", "host", "flask", "werkzeug", "flask-limiter", "sqlalchemy", "progress_api")
    ],
    "metrics": lambda app: sorted(
        metric.name
        for metric in app.extensions["host-metrics"].collect()
        if not metric.name.startswith("progress_")
    ),
}


def _engine(app: Flask) -> Any:
    with app.app_context():
        return app.extensions["sqlalchemy"].engine


def _of_the_host(spec: Any) -> dict[str | None, Any]:
    return {name: list(of) for name, of in spec.items() if name != "progress_api"}


def picture(app: Flask) -> dict[str, Any]:
    return {what: look(app) for what, look in PICTURES.items()}


@pytest.fixture
def everything(shared_database: str) -> Flask:
    return the_host(shared_database)


def test_mounting_and_serving_changes_nothing_of_the_hosts(everything: Flask) -> None:
    # given
    before = picture(everything)
    # when
    _guest(everything)
    mounted = picture(everything)
    learner = learner_of(everything)
    answers = [
        learner.watch(completed=True, totalChapters=1),
        learner.answer_quiz(),
        learner.complete(),
        learner.get("?userId=another"),
        learner.send("PUT"),
        learner.reset(),
    ]
    # then
    assert [answer.status for answer in answers] == [200, 200, 200, 403, 405, 200]
    for what, seen in before.items():
        assert mounted[what] == seen, what
        assert picture(everything)[what] == seen, what


def test_the_hosts_pages_are_the_same_with_a_guest_and_without(shared_database: str) -> None:
    # given
    alone, with_guest = the_host(shared_database), the_host(shared_database)
    _guest(with_guest)
    learner_of(with_guest).watch()
    # then
    for path in PATHS:
        for method in ("GET", "POST", "OPTIONS"):
            assert _page(with_guest, method, path) == _page(alone, method, path), (method, path)


def _page(app: Flask, method: str, path: str) -> tuple[int, dict[str, str], str]:
    answer = app.test_client().open(path, method=method, headers=HEADERS)
    changing = {"X-RateLimit-Reset", "X-RateLimit-Remaining", "Retry-After", "Content-Length"}
    headers = {name: value for name, value in answer.headers.items() if name not in changing}
    text = "" if path == "/metrics" else answer.text  # it counts what was asked
    return answer.status_code, headers, text


def test_handlers_of_the_host_do_not_change_the_mounts_responses(everything: Flask) -> None:
    _guest(everything)
    learner = learner_of(everything)

    refused = learner.send("GET", headers={"Authorization": ""})
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.headers["X-Host"] == "its own"
    assert list(learner.progress())[:3] == ["tutorialId", "userId", "completionPercentage"]
    assert learner.send("GET", "/nothing").body["error"] == "Not Found"


def test_a_mount_that_is_refused_leaves_the_host_as_it_was(everything: Flask) -> None:
    before = picture(everything)

    with pytest.raises(SettingsError):
        ProgressAPI(everything, engine=create_engine("sqlite://"))

    assert picture(everything) == before


def test_every_name_of_the_package_has_its_prefix(everything: Flask) -> None:
    # given
    before = {rule.endpoint for rule in everything.url_map.iter_rules()}
    # when
    _guest(everything)
    # then
    ours = {rule.endpoint for rule in everything.url_map.iter_rules()} - before
    assert {endpoint.partition(".")[0] for endpoint in ours} == {"progress_api"}
    measured = {one.name for one in everything.extensions["host-metrics"].collect()}
    assert {name for name in measured if "progress" in name} == {
        name for name in measured if name.startswith("progress_")
    }
    assert all(
        rule.rule.startswith(PREFIX)
        for rule in everything.url_map.iter_rules()
        if rule.endpoint in ours
    )
