"""Commands about certificates: `flask progress certificate …`."""

import json

import click

from progress_api.certificates.credential import CredentialIssuer
from progress_api.certificates.records import Certificate
from progress_api.certificates.repository import CertificateRepository
from progress_api.certificates.schemas import own_json
from progress_api.commands import Commands, Database, one_database, one_mount_option


@click.group(cls=Commands)
def certificate() -> None:
    """Show, revoke and reinstate certificates."""


@certificate.command()
@click.argument("certificate_id")
@one_mount_option
def show(certificate_id: str, mount: str | None) -> None:
    """Print a certificate as JSON, with its history."""
    database = one_database(mount)
    _print(database, _certificates(database).find(certificate_id))


@certificate.command()
@click.argument("certificate_id")
@click.option("--reason", required=True, help="Why; the learner sees it, the public does not.")
@one_mount_option
def revoke(certificate_id: str, reason: str, mount: str | None) -> None:
    """Revoke a certificate; a revoked one stays as it is."""
    database = one_database(mount)
    _print(database, _certificates(database).revoke(certificate_id, reason))


@certificate.command()
@click.argument("certificate_id")
@one_mount_option
def reinstate(certificate_id: str, mount: str | None) -> None:
    """Make a revoked certificate valid again; a valid one stays as it is."""
    database = one_database(mount)
    _print(database, _certificates(database).reinstate(certificate_id))


def _certificates(database: Database) -> CertificateRepository:
    return CertificateRepository(database.engine, **database.binding)


def _print(database: Database, certificate: Certificate) -> None:
    issuer = CredentialIssuer(database.settings, database.url_prefix)
    shown = own_json(certificate, issuer.url(certificate.certificate_id), issuer.sign(certificate))
    history = [
        {"at": change.at.isoformat(), "action": change.action, "reason": change.reason}
        for change in certificate.history
    ]
    click.echo(json.dumps({**shown, "history": history}, ensure_ascii=False, indent=2))
