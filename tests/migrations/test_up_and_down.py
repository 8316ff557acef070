"""Migrations go up, down and up; what each leaves, and what the service makes of it."""

import pytest
from flask import Flask

from progress_api.exceptions import DatabaseNotMigrated, MigrationFailed, SchemaDiffers
from progress_api.schema.migrate import check, downgrade, head, upgrade
from progress_api.schema.readiness import readiness_error
from tests.client import InProcess, Learner
from tests.conftest import MakeApp
from tests.migrations.database import Database, succeeded

REVISIONS = [f"progress_{number:04d}" for number in range(1, int(head()[-4:]) + 1)]
NOT_MIGRATED = "The database is not migrated: run progress-api migrate (or flask progress migrate)."
IN_THE_WAY = "CREATE TABLE quiz_attempt_keys (somebody text)"


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_migration_goes_up_down_and_up_with_the_rows_in_place(
    revision: str, by_hand: Database
) -> None:
    # given
    upgrade(by_hand.engine)
    rows, catalog = by_hand.rows(), by_hand.catalog()
    # when
    downgrade(by_hand.engine, revision)
    below = by_hand.rows()
    upgrade(by_hand.engine)
    # then
    assert below == by_hand.rows() == rows
    assert by_hand.catalog() == catalog


def test_the_service_answers_the_same_after_down_and_up(
    migrated: Database, make_app: MakeApp
) -> None:
    # given
    ada = Learner(InProcess(make_app(database_url=migrated.url)), "ada")
    ada.watch(completed=True, totalChapters=3)
    before = ada.answer_quiz().body
    # when
    downgrade(migrated.engine, "progress_0001")
    upgrade(migrated.engine)
    # then
    assert ada.progress() == before
    assert ada.answer_quiz().body["quizScores"][0]["attempts"] == 2


def test_down_to_the_base_leaves_nothing_and_up_makes_all_of_it_again(by_hand: Database) -> None:
    # given
    upgrade(by_hand.engine)
    catalog = by_hand.catalog()
    # when
    succeeded(by_hand.command("downgrade", "base", "--yes"))
    left = by_hand.catalog()
    succeeded(by_hand.command("migrate"))
    # then
    assert not any(left.values()), left
    assert by_hand.catalog() == catalog


def test_the_downgrade_command_goes_back_to_a_revision(migrated: Database) -> None:
    # when
    succeeded(migrated.command("downgrade", "progress_0001"))
    # then
    assert migrated.version() == "progress_0001"


def test_a_database_at_head_has_no_difference(migrated: Database) -> None:
    check(migrated.engine)
    # ... nor is there one when others have tables there.
    migrated.run("CREATE TABLE of_a_host (id int PRIMARY KEY)")
    check(migrated.engine)


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ("ALTER TABLE tutorial_progress ADD note text", "note"),
        ("ALTER TABLE chapter_progress DROP last_position", "last_position"),
        ("ALTER TABLE quiz_scores ALTER attempts SET DEFAULT 7", "attempts"),
        ("ALTER TABLE quiz_scores ALTER updated_at SET NOT NULL", "updated_at"),
        ("DROP INDEX idx_quiz_scores_progress_id", "idx_quiz_scores_progress_id"),
        ("DROP TABLE quiz_attempt_keys", "quiz_attempt_keys"),
    ],
)
def test_a_difference_made_by_hand_is_found(script: str, named: str, migrated: Database) -> None:
    # given
    migrated.run(script)
    # when, then
    with pytest.raises(SchemaDiffers, match=named):
        check(migrated.engine)


def test_a_failing_migration_is_rolled_back_whole(migrated: Database) -> None:
    # given
    downgrade(migrated.engine, "progress_0001")
    migrated.run(IN_THE_WAY)
    before = migrated.catalog()
    # when
    with pytest.raises(MigrationFailed, match="quiz_attempt_keys"):
        upgrade(migrated.engine)
    # then
    assert migrated.version() == "progress_0001"
    assert migrated.catalog() == before
    # ... and what was in the way, out of the way, is all that was wrong.
    migrated.run("DROP TABLE quiz_attempt_keys")
    assert upgrade(migrated.engine) == head()


def test_a_failing_migration_fails_the_command(migrated: Database) -> None:
    # given
    downgrade(migrated.engine, "progress_0001")
    migrated.run(IN_THE_WAY)
    # when
    result = migrated.command("migrate")
    # then
    assert result.exit_code != 0
    assert migrated.version() == "progress_0001"


def test_what_is_in_the_way_of_a_later_migration_leaves_an_adopted_database_whole(
    by_hand: Database,
) -> None:
    # given
    by_hand.run(IN_THE_WAY)
    before, rows = by_hand.catalog(), by_hand.rows()
    # when
    with pytest.raises(SchemaDiffers, match="quiz_attempt_keys"):
        upgrade(by_hand.engine)
    # then
    assert (by_hand.catalog(), by_hand.rows()) == (before, rows)
    assert by_hand.version() is None


def test_a_newer_schema_is_ready_and_migrate_leaves_it(
    migrated: Database, make_app: MakeApp
) -> None:
    # given
    migrated.run("UPDATE progress_api_version SET version_num = 'progress_9999'")
    migrated.run("ALTER TABLE tutorial_progress ADD from_the_future text")
    before = migrated.catalog()
    # when
    said = succeeded(migrated.command("migrate"))
    # then
    assert "9999" in said
    assert migrated.version() == "progress_9999"
    assert migrated.catalog() == before
    assert readiness_error(migrated.engine) is None
    # ... and it serves.
    app = make_app(database_url=migrated.url)
    assert _readiness(app) == (200, {"status": "ready"})
    assert Learner(InProcess(app), "ada").watch().status == 200


def test_a_database_with_numbers_that_had_no_prefix_yet_goes_on(migrated: Database) -> None:
    # given
    downgrade(migrated.engine, "progress_0001")
    migrated.run("UPDATE progress_api_version SET version_num = '0001'")
    # when
    reached = upgrade(migrated.engine)
    # then
    assert reached == migrated.version() == head()
    check(migrated.engine)


@pytest.mark.parametrize("older", [*REVISIONS[:-1], "base"])
def test_an_older_schema_is_not_ready(older: str, migrated: Database, make_app: MakeApp) -> None:
    # given
    downgrade(migrated.engine, older)
    app = make_app(database_url=migrated.url, metrics_public=True)
    # when
    status, body = _readiness(app)
    # then
    assert status == 503
    assert "progress_schema_behind 1.0" in app.test_client().get("/metrics").text
    assert set(body) == {"error", "detail", "requestId"}
    assert isinstance(readiness_error(migrated.engine), DatabaseNotMigrated)
    # ... until it is migrated, without a restart.
    upgrade(migrated.engine)
    assert _readiness(app)[0] == 200
    assert "progress_schema_behind 0.0" in app.test_client().get("/metrics").text


def test_a_hand_made_database_is_not_ready_before_it_is_adopted(
    by_hand: Database, make_app: MakeApp
) -> None:
    app = make_app(database_url=by_hand.url)
    assert _readiness(app)[0] == 503


@pytest.mark.parametrize("one_trip", [True, False])
def test_the_service_on_a_database_without_tables_is_unavailable_until_it_is_migrated(
    empty: Database, make_app: MakeApp, *, one_trip: bool
) -> None:
    # given
    app = make_app(database_url=empty.url, database_one_trip=one_trip)
    ada = Learner(InProcess(app), "ada")
    # when
    answers = [ada.get(), ada.watch(), ada.answer_quiz(), ada.complete(), ada.reset()]
    # then
    assert [answer.status for answer in answers] == [503] * 5
    assert all("Retry-After" in answer.headers for answer in answers)
    status, body = _readiness(app)
    assert status == 503
    for told in (body, *(answer.body for answer in answers)):
        assert told["detail"] == NOT_MIGRATED
    # ... and the next request after it is served.
    upgrade(empty.engine)
    assert _readiness(app)[0] == 200
    assert ada.watch().status == ada.answer_quiz().status == 200


def test_the_process_answers_though_nothing_is_migrated(empty: Database, make_app: MakeApp) -> None:
    client = make_app(database_url=empty.url).test_client()
    assert client.get("/healthz").status_code == 200


def _readiness(app: Flask) -> tuple[int, dict[str, str]]:
    answer = app.test_client().get("/readyz")
    assert answer.is_json
    return answer.status_code, answer.get_json()
