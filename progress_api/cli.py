"""Commands for operators: `progress-api …` for the service, `flask progress …` for a host app."""

import os
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import jwt
from flask import Flask
from flask.cli import ScriptInfo

from progress_api.api import API
from progress_api.database import open_engine
from progress_api.exceptions import ProgressError
from progress_api.openapi.document import document
from progress_api.schema import migrate as migrations
from progress_api.schema.readiness import obstacle
from progress_api.settings import Settings
from progress_api.web.identity.keys import check_public_keys
from progress_api.web.state import states

if TYPE_CHECKING:
    from sqlalchemy import Engine

ONE_DAY = 86400
_SERVICE = "progress_api"
_GUESSED = ("wsgi.py", "app.py")  # where Flask looks for an app by itself
_GUNICORN = ("-m", "gunicorn", "-c", "python:progress_api.serving", "progress_api.wsgi:app")
_mount = click.option("--mount", help="Only what is mounted under this name.")


class Commands(click.Group):
    """Commands whose failures are one sentence, not a stack trace."""

    def invoke(self, ctx: click.Context) -> object:
        """Run one; its failure ends the process with status 1."""
        try:
            return super().invoke(ctx)
        except ProgressError as error:
            raise click.ClickException(error.detail) from error


@click.group(cls=Commands)
def progress() -> None:
    """Tutorial progress: its schema, tokens to try it with, and its settings."""


@progress.command()
@_mount
def migrate(mount: str | None) -> None:
    """Bring the database to head; adopt one where the guide's SQL was run by hand."""
    for database in _databases(mount):
        _tell(database, migrations.upgrade(database.engine, database.schema, database.timeout))


@progress.command()
@click.argument("revision")
@_mount
def downgrade(revision: str, mount: str | None) -> None:
    """Take migrations back to REVISION, or to "base"."""
    for database in _databases(mount):
        engine, schema, timeout = database.engine, database.schema, database.timeout
        left = migrations.downgrade(engine, revision, schema, timeout)
        _tell(database, left or "base")


@progress.command()
@click.argument("message")
def revision(message: str) -> None:
    """Write a new migration from what differs."""
    click.echo(migrations.revision(_service().engine, message))


@progress.command()
@_mount
def check(mount: str | None) -> None:
    """Tell whether the settings are right and the database is at head."""
    if _app() is None:
        settings = Settings.from_environment(os.environ)
        check_public_keys(settings)
    for database in _databases(mount):
        if found := obstacle(database.engine, database.schema):
            raise found
        migrations.check(database.engine, database.schema, database.timeout)


@progress.command()
@click.argument("sub")
@click.option("--scope", default="", help="Scopes, blanks between.")
@click.option("--seconds", default=ONE_DAY, show_default=True, help="How long it is valid.")
def token(sub: str, scope: str, seconds: int) -> None:
    """Print a token of learner SUB, signed with JWT_SECRET_KEY."""
    settings = Settings.from_environment(os.environ, database_needed=False)
    if not settings.jwt_algorithm.startswith("HS"):
        raise click.ClickException("Tokens are signed elsewhere: no JWT_SECRET_KEY is in use.")
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
    """Print every setting as a table in Markdown."""
    click.echo(_as_table())


@progress.command()
def openapi() -> None:
    """Print the OpenAPI document of the service with these settings."""
    told = Settings.from_environment(os.environ, keys_needed=False, database_needed=False)
    click.echo(document(API, told, told.url_prefix, "", told.jwt_token_location), nl=False)


@click.group(cls=Commands)
def service() -> None:
    """The Tutorial Progress API: its server, its schema, tokens to try it with, its settings."""


for _command in (migrate, check, token, settings):
    service.add_command(_command)


@service.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[GUNICORN OPTIONS]...")
def serve(options: tuple[str, ...]) -> None:
    """Serve on HOST and PORT with gunicorn, which takes further options."""
    command = server_command(*options)
    os.execv(command[0], command)  # noqa: S606  # nosec B606


def server_command(*options: str) -> list[str]:
    """Return the command that serves.

    Args:
        options: gunicorn's.
    """
    return [sys.executable, *_GUNICORN, *options]


class _Database(NamedTuple):
    """Where one set of tables is."""

    mount: str
    engine: "Engine"
    schema: str | None
    timeout: int


def _databases(mount: str | None) -> Iterator[_Database]:
    app = _app()
    if app is None:
        yield _service()
        return
    mounted = {name: one for name, one in states(app).items() if mount in {None, name}}
    if not mounted:
        raise click.ClickException(
            "Tutorial progress is not mounted in this app; ProgressAPI(app) mounts it."
        )
    for name, one in mounted.items():
        yield _Database(name, one.engine, one.schema, one.settings.migrate_timeout)


def _app() -> Flask | None:
    """The app that the command is run for; None for the service on its own, which needs no keys."""
    info = click.get_current_context().find_object(ScriptInfo)
    if info is None or (info.app_import_path or "").partition(":")[0] == _SERVICE:
        return None
    given = info.app_import_path or info.create_app
    return info.load_app() if given or any(Path(name).exists() for name in _GUESSED) else None


def _service() -> _Database:
    settings = Settings.from_environment(os.environ, keys_needed=False)
    engine = open_engine(settings)
    # psycopg 3 warns of a connection that nobody closed.
    click.get_current_context().call_on_close(engine.dispose)
    return _Database(_SERVICE, engine, settings.progress_schema, settings.migrate_timeout)


def _tell(database: _Database, revision: str) -> None:
    whose = "" if database.mount == _SERVICE else f"{database.mount}: "
    click.echo(f"{whose}The database is at {revision}.")


def _as_table() -> str:
    lines = ["| setting | default | may be | |", "| --- | --- | --- | --- |"]
    for one in fields(Settings):
        kind, says = one.metadata["kind"], one.metadata["says"]
        lines.append(f"| `{one.name.upper()}` | {_shown(one.default)} | {kind.allowed} | {says} |")
    return "\n".join(lines)


def _shown(default: Any) -> str:
    if default is MISSING or default is None or default == ():
        return "required" if default is MISSING else ""
    text = ",".join(default) if isinstance(default, tuple) else str(default)
    return f"`{text.lower() if isinstance(default, bool) else text}`"
