"""Certificates without HTTP: from Python, in a host's transaction, and from the command line."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from progress_api import (
    Certificate,
    CertificateNotFound,
    CertificateRepository,
    Chapter,
    InvalidFields,
    Progress,
    ProgressAPI,
    ProgressRepository,
)
from progress_api.cli import progress, service

CHAPTER = Chapter(chapter_id="one", watch_time=60, completed=True, total_chapters=1)


def earned(progress: ProgressRepository, name: str | None = None) -> Certificate:
    progress.record_chapter("ada", "intro", CHAPTER)
    certificate = progress.complete("ada", "intro", name).certificate
    assert certificate
    return certificate


@pytest.mark.parametrize("one_trip", [True, False])
def test_complete_returns_the_certificate(engine: Engine, *, one_trip: bool) -> None:
    certificate = earned(ProgressRepository(engine, one_trip=one_trip), "Ada")

    certificates = CertificateRepository(engine, one_trip=one_trip)

    assert certificate == certificates.get("ada", "intro")
    assert certificate == certificates.find(certificate.certificate_id.lower())
    assert (certificate.user_id, certificate.holder_name) == ("ada", "Ada")
    assert certificate.is_valid


def test_an_invalid_name_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidFields):
        earned(ProgressRepository(engine), " ")


@pytest.mark.parametrize("one_trip", [True, False])
def test_each_change_leaves_a_trace(engine: Engine, *, one_trip: bool) -> None:
    certificates = CertificateRepository(engine, one_trip=one_trip)
    certificate_id = earned(ProgressRepository(engine)).certificate_id

    for reason in ("First.", "Not counted: it is revoked already."):
        certificates.revoke(certificate_id, reason)
    for _ in range(2):
        certificates.reinstate(certificate_id)
    again = certificates.revoke(certificate_id, "Second.")

    changes = [(change.action, change.reason) for change in again.history]
    assert changes == [("revoked", "First."), ("reinstated", None), ("revoked", "Second.")]
    times = [change.at for change in again.history]
    assert times == sorted(times)
    assert again.revoked_at == times[-1]
    assert again.revocation_reason == "Second."


@pytest.mark.parametrize("reason", [None, "", " ", 1])
def test_a_certificate_is_not_revoked_without_a_reason(engine: Engine, reason: Any) -> None:
    certificates = CertificateRepository(engine)
    certificate_id = earned(ProgressRepository(engine)).certificate_id

    with pytest.raises(InvalidFields, match="reason"):
        certificates.revoke(certificate_id, reason)

    assert certificates.find(certificate_id).is_valid


def test_what_is_unknown_is_not_found(engine: Engine) -> None:
    certificates = CertificateRepository(engine)
    for certificate_id in ("0" * 26, "x", "8" * 26):
        with pytest.raises(CertificateNotFound):
            certificates.find(certificate_id)
    with pytest.raises(CertificateNotFound):
        certificates.get("ada", "intro")


def test_a_hosts_session_that_is_undone_leaves_no_certificate(engine: Engine) -> None:
    notified: list[Progress] = []
    with Session(engine) as session:
        earned(ProgressRepository(session, on_certificate_earned=notified.append))
        session.rollback()
        with pytest.raises(CertificateNotFound):
            CertificateRepository(session).get("ada", "intro")
        kept = earned(ProgressRepository(session, on_certificate_earned=notified.append))
        assert notified == []
        session.commit()
    assert CertificateRepository(engine).get("ada", "intro") == kept
    assert [progress.certificate for progress in notified] == [kept]


def test_a_row_that_was_earned_before_gets_its_certificate_when_it_is_completed(
    engine: Engine,
) -> None:
    progress = ProgressRepository(engine)
    first = earned(progress)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM tutorial_certificates"))

    second = progress.complete("ada", "intro").certificate

    assert second
    assert second.certificate_id != first.certificate_id
    assert second.issued_at == first.issued_at


def test_a_guest_has_the_certificates_of_its_mount(database: str) -> None:
    host, engine = Flask("host"), create_engine(database)
    api = ProgressAPI(host, engine=engine, learner=lambda: "ada")
    with host.app_context():
        certificate = earned(api.repository())

        found = api.certificates().find(certificate.certificate_id)

    assert found == certificate
    engine.dispose()


def run(database: str, *arguments: str) -> Result:
    environment = {"DATABASE_URL": database}
    return CliRunner().invoke(progress, ["certificate", *arguments], env=environment)


def test_the_command_line_shows_revokes_and_reinstates(database: str, engine: Engine) -> None:
    certificate_id = earned(ProgressRepository(engine), "Ada").certificate_id

    shown = json.loads(run(database, "show", certificate_id).output)
    revoked = json.loads(run(database, "revoke", certificate_id, "--reason", "Cheated.").output)
    reinstated = json.loads(run(database, "reinstate", certificate_id.lower()).output)

    assert (shown["holderName"], shown["history"]) == ("Ada", [])
    assert (revoked["revocationReason"], len(revoked["history"])) == ("Cheated.", 1)
    assert (reinstated["revokedAt"], len(reinstated["history"])) == (None, 2)
    assert "certificate" in service.commands


@pytest.mark.parametrize(
    "arguments", [("show", "x"), ("revoke", "x", "--reason", "y"), ("reinstate", "0" * 26)]
)
def test_the_command_line_says_that_there_is_none(
    database: str, arguments: tuple[str, ...]
) -> None:
    result = run(database, *arguments)

    assert (result.exit_code, result.output) == (1, "Error: There is no such certificate.\n")
