"""A serving role that is not the owner of the tables, and what happens where a grant is missing."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, NullPool, create_engine, make_url
from sqlalchemy.orm import Session

from embedded.postgres import Postgres
from progress_api import DatabaseUnavailable, ProgressRepository
from progress_api.schema.migrate import upgrade
from tests.client import SECRET, Answer, InProcess, Learner
from tests.conftest import MakeApp, new_database
from tests.docs.console import block_below
from tests.migrations.database import Database, refusal

OWNER, SERVING = "progress_owner", "progress"
ALL_TABLES = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO progress"
NO_TABLE = "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM progress"
# PostgreSQL grants it to everybody.
NO_SCHEMA = "REVOKE USAGE ON SCHEMA public FROM progress, PUBLIC"
ROW_SECURITY = "ALTER TABLE chapter_progress ENABLE ROW LEVEL SECURITY"
NO_ROW_SECURITY = "ALTER TABLE chapter_progress DISABLE ROW LEVEL SECURITY"
LACKS = "The database role of the service lacks "

Act = Callable[[Learner], Answer]
ENDPOINTS: dict[str, Act] = {
    "get": Learner.get,
    "chapter": lambda ada: ada.watch(completed=True, totalChapters=1),
    "quiz": lambda ada: ada.answer_quiz(headers={"Idempotency-Key": "a"}),
    "complete": Learner.complete,
    "reset": Learner.reset,
}


@pytest.fixture(scope="module")
def administration(postgres: Postgres, root: Path) -> Iterator[Database]:
    """A database with the roles that docs/database.md has, migrated by the owner."""
    database = Database(new_database(postgres, None))
    documented = (root / "docs" / "database.md").read_text()
    database.run(block_below("## Separate roles", documented, "sql"))
    owner = create_engine(as_role(OWNER, database), poolclass=NullPool)
    upgrade(owner)
    yield database
    for role in (SERVING, OWNER):
        database.run(f"DROP OWNED BY {role}; DROP ROLE {role}")
    database.engine.dispose()


@pytest.fixture
def granted(administration: Database) -> Database:
    """The same, with all grants that are documented."""
    administration.run(f"GRANT USAGE ON SCHEMA public TO progress; {ALL_TABLES}")
    administration.run(NO_ROW_SECURITY)
    return administration


@pytest.fixture(scope="module")
def app(administration: Database, make_app: MakeApp) -> Flask:
    """A service whose role is not the owner."""
    return make_app(database_url=as_role(SERVING, administration))


@pytest.fixture
def ada(app: Flask) -> Learner:
    """A learner of that service."""
    return Learner(InProcess(app), "ada")


@pytest.fixture
def serving_engine(granted: Database) -> Iterator[Engine]:
    """An engine of that role, as a host may have."""
    engine = create_engine(as_role(SERVING, granted))
    yield engine
    engine.dispose()


@pytest.mark.usefixtures("granted")
def test_the_documented_roles_are_enough_to_migrate_and_to_serve(app: Flask, ada: Learner) -> None:
    assert readiness(app) == (200, None)
    assert {name: act(ada).status for name, act in ENDPOINTS.items()} == dict.fromkeys(
        ENDPOINTS, 200
    )


def test_what_readiness_asks_for_is_enough_to_serve(
    granted: Database, app: Flask, ada: Learner
) -> None:
    # given
    granted.run(NO_TABLE)
    # when
    status, detail = readiness(app)
    # then
    assert status == 503
    assert detail
    assert detail.startswith(LACKS)
    missing = re.findall(r"([A-Z]+) on (\w+)", detail)
    assert len(missing) == len(set(missing)) > 10
    for privilege, table in missing:
        granted.run(f"GRANT {privilege} ON {table} TO progress")
    assert readiness(app) == (200, None)
    assert {act(ada).status for act in ENDPOINTS.values()} == {200}


@pytest.mark.parametrize(
    ("grant", "endpoint"),
    [
        ("INSERT on quiz_scores", "quiz"),
        ("UPDATE on chapter_progress", "chapter"),
        ("DELETE on tutorial_progress", "reset"),
        ("SELECT on quiz_attempt_keys", "quiz"),
    ],
)
def test_a_missing_grant_is_unavailable_and_not_ready_and_the_log_names_the_table(
    grant: str, endpoint: str, granted: Database, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    granted.run(f"REVOKE {grant} FROM progress")
    ada, table = Learner(InProcess(app), "ada"), grant.rpartition(" ")[2]
    # when
    with caplog.at_level(logging.ERROR):
        answers = {name: act(ada) for name, act in ENDPOINTS.items()}
    # then
    assert [name for name, answer in answers.items() if answer.status == 503] == [endpoint]
    refused = answers[endpoint]
    assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
    assert "privilege" in refused.body["detail"]
    assert table not in str(refused.body)
    assert f"permission denied for table {table}" in caplog.text
    assert readiness(app) == (503, f"{LACKS}{grant}.")


def test_a_missing_grant_on_the_schema_is_named_too(
    granted: Database, app: Flask, ada: Learner
) -> None:
    # given
    granted.run(NO_SCHEMA)
    # when, then
    assert readiness(app) == (503, f"{LACKS}USAGE on schema public.")
    assert {act(ada).status for act in ENDPOINTS.values()} == {503}


def test_a_missing_grant_on_a_schema_of_its_own_is_named_too(
    granted: Database, make_app: MakeApp
) -> None:
    # given
    owner = create_engine(granted.url, poolclass=NullPool)
    upgrade(owner, "learning")
    schema = {"database_url": as_role(SERVING, granted), "progress_schema": "learning"}
    app = make_app(**schema)
    ada = Learner(InProcess(app), "ada")
    # when, then
    assert readiness(app) == (503, f"{LACKS}USAGE on schema learning.")
    assert "privilege" in ada.get().body["detail"]
    # ... and one on a table, when that is granted.
    granted.run("GRANT USAGE ON SCHEMA learning TO progress")
    granted.run("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA learning TO progress")
    granted.run("REVOKE INSERT ON learning.quiz_scores FROM progress")
    assert readiness(app) == (503, f"{LACKS}INSERT on quiz_scores.")


def test_a_row_that_a_policy_refuses_is_unavailable(granted: Database, ada: Learner) -> None:
    # given
    granted.run(ROW_SECURITY)
    # when
    answer = ada.watch()
    # then
    assert answer.status == 503
    assert "privilege" in answer.body["detail"]


def test_a_hosts_session_meets_the_failure_that_is_documented(
    granted: Database, serving_engine: Engine
) -> None:
    granted.run("REVOKE SELECT ON quiz_scores FROM progress")
    with Session(serving_engine) as session, pytest.raises(DatabaseUnavailable):
        ProgressRepository(session).get("ada", "intro")


def test_the_check_command_names_the_grant_that_is_missing(granted: Database) -> None:
    # given
    granted.run("REVOKE INSERT ON quiz_scores FROM progress")
    # when
    result = granted.command("check", DATABASE_URL=as_role(SERVING, granted), JWT_SECRET_KEY=SECRET)
    # then
    assert refusal(result) == f"{LACKS}INSERT on quiz_scores."


def as_role(role: str, database: Database) -> str:
    """The address of a database for a role."""
    address = make_url(database.url).set(username=role)
    return address.render_as_string(hide_password=False)


def readiness(app: Flask) -> tuple[int, str | None]:
    """The status of /readyz, and its detail where it is not ready."""
    answer = app.test_client().get("/readyz")
    return answer.status_code, answer.get_json().get("detail")
