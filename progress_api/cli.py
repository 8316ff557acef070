"""`flask progress …`: what operators run."""

import os
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
import jwt

from progress_api import migrate as schema
from progress_api.database import open_engine
from progress_api.exceptions import ProgressError
from progress_api.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

ONE_DAY = 86400


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
def migrate() -> None:
    """Bring the database to head; adopt one where the guide's SQL was run by hand."""
    click.echo(f"The database is at {schema.upgrade(_database())}.")


@progress.command()
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Take migrations back to REVISION, or to "base"."""
    click.echo(f"The database is at {schema.downgrade(_database(), revision) or 'base'}.")


@progress.command()
@click.argument("message")
def revision(message: str) -> None:
    """Write a new migration from what differs."""
    click.echo(schema.revision(_database(), message))


@progress.command()
def check() -> None:
    """Tell whether the settings are right and the database is at head."""
    Settings.from_environment(os.environ)
    if not schema.is_ready(_database()):
        raise click.ClickException("The database is not migrated: run flask progress migrate.")
    schema.check(_database())


@progress.command()
@click.argument("sub")
@click.option("--scope", default="", help="Scopes, blanks between.")
@click.option("--seconds", default=ONE_DAY, show_default=True, help="How long it is valid.")
def token(sub: str, scope: str, seconds: int) -> None:
    """Print a token of learner SUB, signed with JWT_SECRET_KEY."""
    settings = Settings.from_environment(os.environ)
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


def _database() -> "Engine":
    return open_engine(Settings.from_environment(os.environ, keys_needed=False))


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
