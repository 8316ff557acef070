"""One command brings what is stored up to date with the outline, and with this version."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from progress_api import (
    CertificateNotFound,
    CertificateRepository,
    Chapter,
    Outline,
    OutlineChapter,
    OutlineRepository,
    ProgressRepository,
)
from progress_api.cli import progress, service
from progress_api.progress.recount import recount

STORED = """
    SELECT user_id, total_chapters, chapters_completed, completion_percentage,
           certificate_eligible, certificate_earned, updated_at
    FROM tutorial_progress WHERE tutorial_id = 'intro' ORDER BY user_id"""
FILL = """
    INSERT INTO tutorial_progress (tutorial_id, user_id, total_chapters)
    SELECT 'intro', 'other-' || n, 1 FROM generate_series(1, 2100) n"""


def run(database: str, *tutorial_ids: str) -> Result:
    return CliRunner().invoke(progress, ["recount", *tutorial_ids], env={"DATABASE_URL": database})


def test_the_stored_counts_are_those_of_the_outline(database: str, engine: Engine) -> None:
    # given a learner with a chapter, one with the certificate, and many others
    repository = ProgressRepository(engine)
    for learner in ("ada", "bob"):
        chapter = Chapter(chapter_id="a", watch_time=1, completed=True, total_chapters=1)
        repository.record_chapter(learner, "intro", chapter)
    repository.complete("bob", "intro")
    with engine.begin() as connection:
        connection.exec_driver_sql(FILL)
        before = [tuple(row) for row in connection.exec_driver_sql(STORED)]
    chapters = tuple(OutlineChapter(chapter_id=one) for one in "ab")
    OutlineRepository(engine).put("intro", Outline(chapters=chapters))
    # when
    result = run(database, "intro")
    # then
    assert (result.exit_code, result.output) == (0, "The counts of 2102 learners are up to date.\n")
    with engine.connect() as connection:
        after = {row[0]: tuple(row)[1:] for row in connection.exec_driver_sql(STORED)}
    assert after["ada"][:5] == (2, 1, 50, False, False)
    assert after["bob"][:5] == (2, 1, 100, True, True)
    assert after["other-2100"][:5] == (2, 0, 0, False, False)
    # ... and nobody has written anything by that.
    assert {name: row[5] for name, row in after.items()} == {row[0]: row[6] for row in before}


def test_a_recount_disturbs_nobody_who_writes_meanwhile(engine: Engine) -> None:
    repository, ids = ProgressRepository(engine), [str(number) for number in range(20)]
    chapters = tuple(OutlineChapter(chapter_id=one) for one in ids)
    OutlineRepository(engine).put("intro", Outline(chapters=chapters))

    def watch(learner: str) -> list[int]:
        watched = [Chapter(chapter_id=one, watch_time=1, completed=True) for one in ids]
        answers = [repository.record_chapter(learner, "intro", one) for one in watched]
        return [answer.chapters_completed for answer in answers]

    with ThreadPoolExecutor(5) as threads:
        recounts = threads.submit(lambda: [recount(engine, "intro") for _ in range(10)])
        answers = list(threads.map(watch, ["ada", "bob", "cleo", "dan"]))

    assert answers == [list(range(1, 21))] * 4
    assert recounts.result()[-1].learners <= 4
    assert all(repository.get(one, "intro").certificate_eligible for one in ("ada", "bob"))


def test_a_tutorial_without_learners_has_none(database: str) -> None:
    assert run(database, "unknown").output == "The counts of 0 learners are up to date.\n"
    assert run(database, " ").exit_code == 1
    assert "recount" in service.commands


EARNED_BEFORE = """
    INSERT INTO tutorial_progress (tutorial_id, user_id, certificate_earned, updated_at)
    VALUES ('intro', 'ada', TRUE, '2026-01-02 03:04:05'), ('intro', 'bob', FALSE, NULL),
           ('intro', NULL, TRUE, NULL), ('sql', 'ada', TRUE, NULL)"""


@pytest.mark.parametrize("one_trip", ["true", "false"])
def test_a_certificate_that_an_earlier_version_earned_meanwhile_is_issued(
    database: str, engine: Engine, one_trip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given what a process of the version before leaves behind, after the migration
    monkeypatch.setenv("DATABASE_ONE_TRIP", one_trip)
    with engine.begin() as connection:
        connection.exec_driver_sql(EARNED_BEFORE)
    certificates = CertificateRepository(engine)
    with pytest.raises(CertificateNotFound):
        certificates.get("ada", "intro")
    # when
    result = run(database, "intro")
    # then
    issued = "Certificates that were missing: {} issued.\n"
    assert result.output == "The counts of 2 learners are up to date.\n" + issued.format(1)
    found = certificates.get("ada", "intro")
    assert found.issued_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with pytest.raises(CertificateNotFound):
        certificates.get("bob", "intro")
    # ... of every tutorial, where none is named; and nothing is issued twice.
    again = run(database)
    assert again.output == "The counts of 3 learners are up to date.\n" + issued.format(1)
    assert certificates.get("ada", "sql").is_valid
    assert run(database).output == "The counts of 3 learners are up to date.\n"
    assert certificates.get("ada", "intro") == found


def test_a_row_by_hand_without_a_time_gets_its_certificate_when_it_is_completed(
    engine: Engine,
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(EARNED_BEFORE)

    assert ProgressRepository(engine).complete("ada", "sql").certificate
