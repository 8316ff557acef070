"""Certificates that were earned before there were any are issued by migration 5."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, NullPool, create_engine

from progress_api import CertificateRepository, DatabaseUnavailable, ProgressRepository
from progress_api.progress.recount import recount
from progress_api.schema.migrate import downgrade, upgrade
from tests.migrations.database import Database, refusal, succeeded

EARNED = """
    INSERT INTO tutorial_progress (tutorial_id, user_id, certificate_earned, updated_at)
    SELECT 'intro', 'learner-' || n, TRUE, '2026-01-02 03:04:05.678901'
    FROM generate_series(1, 2500) n;
    INSERT INTO tutorial_progress (tutorial_id, user_id, certificate_earned)
    VALUES ('intro', 'not earned', FALSE), ('unknown', 'never decided', NULL), ('x', NULL, TRUE)"""
ISSUED = "SELECT count(*), count(DISTINCT id), count(DISTINCT credential_id), {} FROM {}"
SUMS = ISSUED.format(
    "min(issued_at)::text", "tutorial_certificates WHERE starts_with(user_id, 'learner-')"
)


def at_0004(database: Database) -> Engine:
    upgrade(database.engine)
    downgrade(database.engine, "progress_0004")
    return database.engine


@pytest.mark.parametrize("prepare", [at_0004, lambda database: database.engine])
def test_what_was_earned_before_has_a_certificate(
    by_hand: Database, prepare: Callable[[Database], Engine]
) -> None:
    # given a database of an earlier version, or one that was made by hand
    engine = prepare(by_hand)
    by_hand.run(EARNED)
    # when
    upgrade(engine)
    # then
    assert by_hand.ask(SUMS) == [(2500, 2500, 2500, "2026-01-02 03:04:05.678901")]
    assert by_hand.ask("SELECT count(*) FROM tutorial_certificates") == [(2501,)]  # and bob's
    found = CertificateRepository(engine).get("learner-7", "intro")
    assert (found.title, found.holder_name, found.is_valid) == (None, None, True)
    # ... which stays, and takes a name.
    again = ProgressRepository(engine).complete("learner-7", "intro", "Ada").certificate
    assert again
    assert (again.certificate_id, again.holder_name) == (found.certificate_id, "Ada")


TIMES = """
    INSERT INTO tutorial_progress (tutorial_id, user_id, certificate_earned, created_at, updated_at)
    VALUES ('intro', 'no such hour there', TRUE, NULL, '2026-03-29 02:30:00'),
           ('intro', 'no time', TRUE, NULL, NULL)"""


def test_the_time_zone_of_the_server_moves_no_time(by_hand: Database) -> None:
    # given a time zone whose hour from 2 to 3 was left out that day
    by_hand.run(TIMES)
    in_berlin = {"options": "-c TimeZone=Europe/Berlin"}
    engine = create_engine(by_hand.url, connect_args=in_berlin, poolclass=NullPool)
    # when
    upgrade(engine)
    # then
    certificates = CertificateRepository(by_hand.engine)
    found = certificates.get("no such hour there", "intro")
    assert found.issued_at == datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    unknown = certificates.get("no time", "intro")
    assert datetime.now(UTC) - unknown.issued_at < timedelta(minutes=5)
    assert unknown.issued_at <= datetime.now(UTC)


def test_migration_5_waits_for_no_learner_who_writes_meanwhile(by_hand: Database) -> None:
    # given a transaction of the version before, which stays open and has just earned one
    engine = at_0004(by_hand)
    by_hand.run(EARNED)
    with engine.connect() as writer:
        update = (
            "UPDATE tutorial_progress SET certificate_earned = TRUE WHERE user_id = 'not earned'"
        )
        writer.exec_driver_sql(update)
        # when
        with pytest.raises(DatabaseUnavailable):  # the next migration does wait
            upgrade(engine, timeout=1)
        assert by_hand.version() == "progress_0005"
        writer.commit()
    upgrade(engine)
    # then
    assert by_hand.ask(SUMS)[0][0] == 2500
    assert recount(engine, "intro").issued == 1  # what was earned meanwhile


def test_migrating_again_issues_nothing_twice(by_hand: Database) -> None:
    by_hand.run(EARNED)
    upgrade(by_hand.engine)
    before = by_hand.ask("TABLE tutorial_certificates")

    upgrade(by_hand.engine)

    assert by_hand.ask("TABLE tutorial_certificates") == before


@pytest.mark.parametrize("revision", ["progress_0004", "progress_0005-1", "base"])
def test_a_downgrade_drops_certificates_only_with_yes(revision: str, by_hand: Database) -> None:
    # given
    upgrade(by_hand.engine)
    before = by_hand.ask("TABLE tutorial_certificates"), by_hand.version()
    # when
    sentence = refusal(by_hand.command("downgrade", revision))
    # then
    assert "all certificates (1)" in sentence
    assert "--yes" in sentence
    assert (by_hand.ask("TABLE tutorial_certificates"), by_hand.version()) == before
    # ... until it is wanted.
    succeeded(by_hand.command("downgrade", revision, "--yes"))
    assert by_hand.ask("SELECT to_regclass('tutorial_certificates')") == [(None,)]
    # ... and then there is nothing to ask about.
    succeeded(by_hand.command("downgrade", "base"))
    succeeded(by_hand.command("downgrade", "base"))


def test_a_downgrade_that_keeps_certificates_needs_no_yes(by_hand: Database) -> None:
    upgrade(by_hand.engine)
    before = by_hand.ask("TABLE tutorial_certificates")

    succeeded(by_hand.command("downgrade", "progress_0005"))

    assert by_hand.ask("TABLE tutorial_certificates") == before


def test_without_certificates_a_downgrade_needs_no_yes(empty: Database) -> None:
    upgrade(empty.engine)

    assert "progress_0004" in succeeded(empty.command("downgrade", "progress_0004"))
