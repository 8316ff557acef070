"""The code blocks of docs/embedding.md do in an app what the page says."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask import session
from flask_jwt_extended import JWTManager, create_access_token, get_jwt_identity, jwt_required
from flask_limiter import Limiter
from flask_login import LoginManager, login_user
from prometheus_client import CollectorRegistry
from prometheus_flask_exporter import PrometheusMetrics
from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    NullPool,
    String,
    Table,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from progress_api import Chapter, Progress, ProgressAPI, QuizAttempt, include_object
from progress_api.cli import progress
from tests.client import PREFIX, token
from tests.conftest import new_name
from tests.docs.embedding.hosts import GUIDE, Diploma, Host, Paper, User

OWN_ALEMBIC = "## A history of its own"
# Run by tests/host/test_one_history.py, in a host's Alembic.
INI = "## One history for both"


def mounted(host: Host) -> None:
    host.run("# In a larger app")
    assert host.learner().watch().status == 200


def flask_sqlalchemy(host: Host) -> None:
    host.app.config["SQLALCHEMY_DATABASE_URI"] = host.address
    db = host.run("## With Flask-SQLAlchemy")["db"]
    with host.app.app_context():
        pool = db.engine.pool
    host.learner().watch()
    assert pool.checkedin() == 1


def with_an_engine(host: Host) -> None:
    engine = host.run("## With an engine", create_engine=create_engine)["engine"]
    host.learner().watch()
    assert engine.pool.checkedin() == 1
    engine.dispose()


def in_a_schema(host: Host) -> None:
    host.run("## In a schema of PostgreSQL")
    assert host.app.test_cli_runner().invoke(progress, ["migrate"]).exit_code == 0
    host.learner().watch()
    assert host.ask("SELECT user_id FROM learning.tutorial_progress") == ["ada"]


def on_its_engine(host: Host) -> None:
    with host.engine.begin() as connection:
        default = "current_setting('app.tenant', true)"
        connection.execute(text(f"ALTER TABLE tutorial_progress ADD tenant text DEFAULT {default}"))
    given: dict[str, Any] = {"event": event, "Connection": Connection, "func": func}
    given |= {"select": select, "current_tenant": lambda: "north", "engine": host.engine}
    host.run("## What the app sets on its engine", **given)
    host.learner().watch()
    assert host.ask("SELECT tenant FROM tutorial_progress") == ["north"]


def flask_login(host: Host) -> None:
    manager = LoginManager(host.app)
    manager.login_view = "sign_in"
    manager.user_loader(User)
    host.app.add_url_rule("/sign-in", "sign_in", lambda: f"{login_user(User('7'))}")
    host.run("## With Flask-Login")
    client = host.app.test_client()
    assert client.get(f"{PREFIX}/intro").status_code == 401
    client.get("/sign-in")
    assert client.get(f"{PREFIX}/intro").json["userId"] == "7"  # type: ignore[index]


def jwt_manager(host: Host) -> None:
    host.app.config["JWT_IDENTITY_CLAIM"] = "uid"
    host.run("## With a JWTManager")
    with host.app.app_context():
        bearer = {"Authorization": f"Bearer {create_access_token('7')}"}
    assert host.learner().send("GET", headers=bearer).body["userId"] == "7"
    assert host.learner().get().status == 401


def other_sites(host: Host) -> None:
    host.app.add_url_rule("/form", view_func=_sent, methods=["GET", "POST"])
    host.run("## With a cookie: other sites")
    ProgressAPI(host.app, learner=lambda: "ada")
    ours, other = {"Origin": "http://localhost"}, {"Origin": "http://other.localhost"}
    for hidden in (other, {"Origin": "null"}):
        refused = host.learner().post("/complete", None, hidden | {"X-Request-ID": "mine"})
        assert refused.status == 403
        assert refused.body["detail"] == "This request comes from another site."
        assert refused.body["requestId"] == refused.headers["X-Request-ID"] == "mine"
        assert host.learner().send("DELETE", headers=hidden).status == 403
        assert host.app.test_client().post("/form", headers=hidden).status_code == 403
    for shown in (ours, {}):
        assert host.learner().send("DELETE", headers=shown).status == 200
        assert host.app.test_client().post("/form", headers=shown).status_code == 200
    assert host.learner().send("GET", headers=other).status == 200
    assert "SameSite=Lax" in host.app.test_client().get("/form").headers["Set-Cookie"]


def _sent() -> str:
    session["seen"] = True
    return "sent"


def limits(host: Host) -> None:
    limiter = Limiter(
        lambda: "all", app=host.app, application_limits=["3/hour"], storage_uri="memory://"
    )
    host.app.add_url_rule("/page", view_func=lambda: "a page")
    ProgressAPI(host.app, name="limited", url_prefix="/limited")
    host.run("## Limits", limiter=limiter)
    client = host.app.test_client()
    assert [client.get("/page").status_code for _ in range(2)] == [200, 200]
    assert [host.learner(prefix="/limited").get().status for _ in range(2)] == [200, 429]
    assert [host.learner().get().status for _ in range(3)] == [200] * 3
    # ... and each mount counts for itself.
    assert [host.learner().reset().status for _ in range(6)] == [200] * 5 + [429]
    assert [host.learner("bob").reset().status for _ in range(2)] == [200] * 2


def registry(host: Host) -> None:
    host.run("## Metrics", CollectorRegistry=CollectorRegistry, PrometheusMetrics=PrometheusMetrics)
    host.learner().watch()
    exposed = host.app.test_client().get("/metrics").text
    assert f'progress_api_requests_total{{endpoint="{PREFIX}/<tutorial_id>/chapter"' in exposed
    assert "flask_http_request_total" in exposed


def own_alembic(host: Host) -> None:
    """In an env.py it is run by tests/host/test_one_history.py; here is what it is given."""
    target = MetaData()
    Table("courses", target, Column("slug", String, primary_key=True))
    told: dict[str, Any] = {}
    context = SimpleNamespace(configure=told.update)
    host.run(OWN_ALEMBIC, context=context, connection=None, target_metadata=target)
    assert told["include_object"] is include_object


def from_python(host: Host) -> None:
    host.run("## Asking and recording", Chapter=Chapter)
    assert host.learner("7").get().body["totalWatchTime"] == 0  # of another tutorial
    assert host.ask("SELECT total_watch_time FROM tutorial_progress") == [60]


def own_transaction(host: Host) -> None:
    db = host.sqlalchemy()
    given: dict[str, Any] = {"db": db, "progress": ProgressAPI(host.app), "Paper": Paper}
    host.run("## In the app's own transaction", QuizAttempt=QuizAttempt, **given)
    assert host.ask("SELECT answer FROM papers") == ["42"]
    assert host.ask("SELECT attempts FROM quiz_scores") == [1]
    # ... and neither of them where one fails.
    with pytest.raises(IntegrityError):
        host.run("## In the app's own transaction", QuizAttempt=QuizAttempt, **given)
    assert host.ask("SELECT attempts FROM quiz_scores") == [1]


def certificate(host: Host) -> None:
    db = host.sqlalchemy()
    host.run("## When a certificate is earned", db=db, Diploma=Diploma, Progress=Progress)
    ada = host.learner()
    ada.complete_chapters(1, of=1)
    assert host.ask("SELECT learner FROM diplomas") == []
    assert [ada.complete().status for _ in range(2)] == [200, 200]
    assert host.ask("SELECT learner FROM diplomas") == ["ada"]
    ada.reset()
    ada.complete_chapters(1, of=1)
    assert ada.complete().status == 200
    assert host.ask("SELECT course FROM diplomas") == ["intro"]


def two_mounts(host: Host) -> None:
    host.run("## Two mounts", learner=lambda: "7")
    host.learner(prefix="/progress").watch(seconds=10)
    by_token = host.learner("7", prefix="/api/progress")
    assert by_token.get().body["totalWatchTime"] == 10
    with host.app.test_request_context():
        for endpoint, below in {"get": "", "reset": "", "chapter": "/chapter"}.items():
            address = host.app.url_for(f"progress_by_token.{endpoint}", tutorial_id="a b")
            assert address == f"/api/progress/a%20b{below}"


def settings(host: Host) -> None:
    host.run("## Settings")
    ada = host.learner(prefix="/learn/progress")
    ada.watch(completed=True)
    assert ada.watch(completed=False).body["chaptersCompleted"] == 1
    assert [ada.watch().status for _ in range(30)] == [200] * 30


PROOFS: dict[str, Callable[[Host], None]] = {
    "# In a larger app": mounted,
    "## With Flask-SQLAlchemy": flask_sqlalchemy,
    "## With an engine": with_an_engine,
    "## In a schema of PostgreSQL": in_a_schema,
    "## What the app sets on its engine": on_its_engine,
    "## With Flask-Login": flask_login,
    "## With a JWTManager": jwt_manager,
    "## With a cookie: other sites": other_sites,
    "## Limits": limits,
    "## Metrics": registry,
    OWN_ALEMBIC: own_alembic,
    "## Asking and recording": from_python,
    "## In the app's own transaction": own_transaction,
    "## When a certificate is earned": certificate,
    "## Two mounts": two_mounts,
    "## Settings": settings,
}


@pytest.mark.parametrize("heading", PROOFS)
def test_a_block_does_what_is_said_of_it(host: Host, heading: str) -> None:
    PROOFS[heading](host)


def test_no_block_is_left_out() -> None:
    found = re.findall(r"^(#+ .*)\n|^```(\w+)$", GUIDE, re.MULTILINE)
    headings, last = [], ""
    for heading, language in found:
        last = heading or last
        headings += [last] if language else []
    assert headings == list(dict.fromkeys(headings))  # `block_below` finds the first
    assert set(headings) == PROOFS.keys() | {INI}


def test_what_refuses_a_token_of_the_hosts_own_is_no_failure(host: Host) -> None:
    # given the way that is written first
    JWTManager(host.app)
    ProgressAPI(host.app, learner=jwt_required()(get_jwt_identity))
    ada = host.learner()
    claims: dict[str, Any] = {"jti": "1", "type": "access", "fresh": False}
    # then
    for bearer in ("", f"Bearer {token('ada', exp=1, **claims)}", "Bearer x"):
        assert ada.send("GET", headers={"Authorization": bearer}).status == 401
    valid = {"Authorization": f"Bearer {token('ada', **claims)}"}
    assert ada.send("GET", headers=valid).body["userId"] == "ada"


def test_a_host_with_two_databases_counts_the_learners_of_each_apart(
    host: Host, shared_database: str
) -> None:
    # given one store, and one id for two learners
    Limiter(lambda: "all", app=host.app, storage_uri="memory://")
    another, ada = create_engine(shared_database, poolclass=NullPool), new_name()
    ProgressAPI(host.app, url_prefix="/one", engine=host.engine, learner=lambda: ada)
    ProgressAPI(host.app, url_prefix="/two", name="two", engine=another, learner=lambda: ada)
    # when
    for _ in range(6):
        last = host.learner(prefix="/one").reset()
    # then
    assert last.status == 429
    assert host.learner(prefix="/two").reset().status == 200
