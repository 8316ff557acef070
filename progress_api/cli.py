"""Commands for operators: `progress-api …` for the service, `flask progress …` for a host app."""

import os
import re
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
_DEFAULT_FILES = ("wsgi.py", "app.py")  # where Flask looks for an app by default
_GUNICORN = ("-m", "gunicorn", "-c", "python:progress_api.serving", "progress_api.wsgi:app")
# A docstring of one line, which ruff takes and no quotation mark ends.
_SUMMARY = re.compile(r'(?!.*""")[A-Za-z][ -\[\]-~]{0,89}')
_NO_SUMMARY = (
    "The message of a migration must be one line of at most 90 ASCII characters that begins with a "
    "letter, without a backslash or three quotation marks in a row."
)
_mount = click.option("--mount", help="Name of one ProgressAPI; by default all in the app.")


class Commands(click.Group):
    """Group of commands that fail with one sentence instead of a stack trace."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a `ProgressError` ends the process with status 1."""
        try:
            return super().invoke(ctx)
        except ProgressError as error:
            raise click.ClickException(error.detail) from error


@click.group(cls=Commands)
def progress() -> None:
    """Manage tutorial progress: its database schema, test tokens and settings."""


@progress.command()
@_mount
def migrate(mount: str | None) -> None:
    """Upgrade the database to the newest schema, or adopt tables that were created by hand."""
    for database in _databases(mount):
        _print_revision(
            database, migrations.upgrade(database.engine, database.schema, database.timeout)
        )


@progress.command()
@click.argument("revision")
@_mount
def downgrade(revision: str, mount: str | None) -> None:
    """Revert migrations down to REVISION, or to "base"."""
    for database in _databases(mount):
        engine, schema, timeout = database.engine, database.schema, database.timeout
        current = migrations.downgrade(engine, revision, schema, timeout)
        _print_revision(database, current or "base")


@progress.command()
@click.argument("message")
def revision(message: str) -> None:
    """Write a migration for the difference between the tables in code and in the database."""
    if not _SUMMARY.fullmatch(message):
        raise click.ClickException(_NO_SUMMARY)
    click.echo(migrations.revision(_service().engine, message.rstrip(".")))


@progress.command()
@_mount
def check(mount: str | None) -> None:
    """Check the settings, and that the database has the newest schema."""
    if _app() is None:
        settings = Settings.from_environment(os.environ)
        check_public_keys(settings)
    for database in _databases(mount):
        if reason := obstacle(database.engine, database.schema):
            raise reason
        migrations.check(database.engine, database.schema, database.timeout)


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


for _command in (migrate, check, token, settings):
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


class _Database(NamedTuple):
    """The database of one mount."""

    mount: str
    engine: "Engine"
    schema: str | None
    timeout: int


def _databases(mount: str | None) -> Iterator[_Database]:
    app = _app()
    if app is None:
        yield _service()
        return
    mounted = {name: state for name, state in states(app).items() if mount in {None, name}}
    if not mounted:
        raise click.ClickException(
            "Tutorial progress is not mounted in this app; ProgressAPI(app) mounts it."
        )
    for name, state in mounted.items():
        yield _Database(name, state.engine, state.schema, state.settings.migrate_timeout)


def _app() -> Flask | None:
    """Return the app of the command, or None for the standalone service, which is not loaded."""
    info = click.get_current_context().find_object(ScriptInfo)
    if info is None or (info.app_import_path or "").partition(":")[0] == _SERVICE:
        return None
    is_named = info.app_import_path or info.create_app
    return (
        info.load_app() if is_named or any(Path(name).exists() for name in _DEFAULT_FILES) else None
    )


def _service() -> _Database:
    settings = Settings.from_environment(os.environ, keys_needed=False)
    engine = open_engine(settings)
    # psycopg 3 warns about connections that are not closed.
    click.get_current_context().call_on_close(engine.dispose)
    return _Database(_SERVICE, engine, settings.progress_schema, settings.migrate_timeout)


def _print_revision(database: _Database, revision: str) -> None:
    prefix = "" if database.mount == _SERVICE else f"{database.mount}: "
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
