"""Commands for operators: `progress-api …` for the service, `flask progress …` for a host app."""

import os
import re
import sys
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import jwt

from progress_api.api import API
from progress_api.certificates.commands import certificate
from progress_api.certificates.credential import CredentialIssuer
from progress_api.commands import (
    SERVICE,
    Commands,
    Database,
    databases,
    host_app,
    mount_option,
    one_database,
    one_mount_option,
    service_database,
)
from progress_api.learners.commands import erase, export
from progress_api.openapi.document import document
from progress_api.outlines.commands import outline
from progress_api.progress.recount import recount, tutorials
from progress_api.reports.commands import report
from progress_api.schema import distribution
from progress_api.schema import migrate as migrations
from progress_api.schema.readiness import readiness_error
from progress_api.settings import Settings
from progress_api.web.identity.keys import check_public_keys

ONE_DAY = 86400
_GUNICORN = ("-m", "gunicorn", "-c", "python:progress_api.serving", "progress_api.wsgi:app")
# A docstring of one line, which ruff takes and no quotation mark ends.
_SUMMARY = re.compile(r'(?!.*""")[A-Za-z][ -\[\]-~]{0,89}')
_NO_SUMMARY = (
    "The message of a migration must be one line of at most 90 ASCII characters that begins with a "
    "letter, without a backslash or three quotation marks in a row."
)


@click.group(cls=Commands)
def progress() -> None:
    """Manage tutorial progress: its database schema, test tokens and settings."""


@progress.command()
@mount_option
def migrate(mount: str | None) -> None:
    """Upgrade the database to the newest schema, or adopt tables that were created by hand."""
    for database in databases(mount):
        _print_revision(
            database, migrations.upgrade(database.engine, database.schema, database.timeout)
        )


@progress.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Drop certificates, if REVISION is below progress_0005.")
@mount_option
def downgrade(revision: str, mount: str | None, *, yes: bool) -> None:
    """Revert migrations down to REVISION, or to "base"."""
    for database in databases(mount):
        given = database.engine, revision, database.schema, database.timeout
        current = migrations.downgrade(*given, drop_certificates=yes)
        _print_revision(database, current or "base")


@progress.command()
@click.argument("message")
def revision(message: str) -> None:
    """Write a migration for the difference between the tables in code and in the database."""
    if not _SUMMARY.fullmatch(message):
        raise click.ClickException(_NO_SUMMARY)
    click.echo(migrations.revision(service_database().engine, message.rstrip(".")))


@progress.command()
@mount_option
def check(mount: str | None) -> None:
    """Check the settings, and that the database has the newest schema."""
    if host_app() is None:
        settings = Settings.from_environment(os.environ)
        check_public_keys(settings)
        CredentialIssuer(settings, settings.url_prefix)
    for database in databases(mount):
        if reason := readiness_error(database.engine, database.schema):
            raise reason
        migrations.check(database.engine, database.schema, database.timeout)


@progress.command(name="recount")
@click.argument("tutorial_id", required=False)
@one_mount_option
def recount_tutorials(tutorial_id: str | None, mount: str | None) -> None:
    """Store the counts of today for all learners of TUTORIAL_ID, or of every tutorial.

    Run it after an outline was changed. It also issues certificates that were earned by a version
    of the service that issued none.
    """
    database = one_database(mount)
    engine, binding = database.engine, database.binding
    named = tutorials(engine, **binding) if tutorial_id is None else (tutorial_id,)
    recounts = [recount(engine, tutorial, **binding) for tutorial in named]
    click.echo(f"The counts of {sum(part.learners for part in recounts)} learners are up to date.")
    if issued := sum(part.issued for part in recounts):
        click.echo(f"Certificates that were missing: {issued} issued.")


@progress.command()
@click.option("--dry-run", is_flag=True, help="Print the SQL, and change nothing.")
@click.option(
    "--max-lock",
    type=click.FloatRange(min=0, min_open=True),
    default=distribution.MAX_LOCK,
    show_default=True,
    help="Seconds for which the tables may be locked.",
)
@one_mount_option
def distribute(max_lock: float, mount: str | None, *, dry_run: bool) -> None:
    """Distribute the tables by learner over the machines of a Citus cluster."""
    database = one_database(mount)
    given = database.engine, max_lock, database.schema, database.timeout
    plan = distribution.plan(*given)
    if plan is None:
        click.echo("The tables are distributed by learner already.")
        return
    if dry_run:
        click.echo(f"-- {plan}.\n{distribution.script(database.schema)}", nl=False)
        return
    click.echo(f"{plan}.")
    seconds = distribution.distribute(*given)
    click.echo(f"The tables are distributed by learner. They were locked for {seconds:.1f} s.")


@progress.command()
@click.argument("sub")
@click.option("--scope", default="", help="Scopes, separated by spaces.")
@click.option(
    "--seconds", default=ONE_DAY, show_default=True, help="Lifetime of the token, in seconds."
)
def token(sub: str, scope: str, seconds: int) -> None:
    """Print a token for the learner SUB, signed with JWT_SECRET_KEY."""
    settings = Settings.from_environment(os.environ, database_needed=False)
    if not settings.jwt_algorithm.startswith("HS"):
        raise click.ClickException(
            "JWT_SECRET_KEY is not in use: tokens are signed with a private key elsewhere."
        )
    now = datetime.now(UTC)
    claims = {
        settings.jwt_identity_claim: sub,
        "iat": now,
        "exp": now + timedelta(seconds=seconds),
    }
    if scope:
        claims["scope"] = scope
    if settings.jwt_decode_audience:
        claims["aud"] = settings.jwt_decode_audience
    if settings.jwt_decode_issuer:
        claims["iss"] = settings.jwt_decode_issuer
    click.echo(jwt.encode(claims, settings.jwt_secret_key or "", settings.jwt_algorithm))


@progress.command()
def settings() -> None:
    """Print all settings as a Markdown table."""
    click.echo(_as_table())


@progress.command()
def openapi() -> None:
    """Print the OpenAPI document of the service with these settings."""
    settings = Settings.from_environment(os.environ, keys_needed=False, database_needed=False)
    locations = settings.jwt_token_location
    click.echo(document(API, settings, settings.url_prefix, "", locations), nl=False)


@click.group(cls=Commands)
def service() -> None:
    """Serve and manage the Tutorial Progress API."""


_CAPABILITIES = (outline, certificate, report, export, erase)
for _command in _CAPABILITIES:
    progress.add_command(_command)
for _command in (migrate, check, distribute, token, settings, recount_tutorials, *_CAPABILITIES):
    service.add_command(_command)


@service.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[GUNICORN OPTIONS]...")
def serve(options: tuple[str, ...]) -> None:
    """Serve on HOST and PORT with gunicorn; further options are passed on to gunicorn."""
    command = server_command(*options)
    os.execv(command[0], command)  # noqa: S606  # nosec B606


def server_command(*options: str) -> list[str]:
    """Return the command that starts the server.

    Args:
        options: further options of gunicorn.
    """
    return [sys.executable, *_GUNICORN, *options]


def _print_revision(database: Database, revision: str) -> None:
    prefix = "" if database.mount == SERVICE else f"{database.mount}: "
    click.echo(f"{prefix}The database is at {revision}.")


def _as_table() -> str:
    lines = ["| setting | default | values | meaning |", "| --- | --- | --- | --- |"]
    for setting in fields(Settings):
        name, default = setting.name.upper(), _formatted(setting.default)
        values = setting.metadata["type"].description
        lines.append(f"| `{name}` | {default} | {values} | {setting.metadata['help']} |")
    return "\n".join(lines)


def _formatted(default: Any) -> str:
    if default is MISSING or default is None or default == ():
        return "required" if default is MISSING else ""
    text = ",".join(default) if isinstance(default, tuple) else str(default)
    return f"`{text.lower() if isinstance(default, bool) else text}`"
