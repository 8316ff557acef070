"""What the commands of all capabilities share: the database of the service, or of a host app."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from flask import Flask
from flask.cli import ScriptInfo

from progress_api.database import open_engine
from progress_api.exceptions import ProgressError
from progress_api.settings import Settings
from progress_api.web.state import states

if TYPE_CHECKING:
    from sqlalchemy import Engine

SERVICE = "progress_api"
_DEFAULT_FILES = ("wsgi.py", "app.py")  # where Flask looks for an app by default
mount_option = click.option("--mount", help="Name of one ProgressAPI; by default all in the app.")
one_mount_option = click.option(
    "--mount", help="Name of the ProgressAPI, if the app has more than one."
)


class Commands(click.Group):
    """Group of commands that fail with one sentence instead of a stack trace."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a `ProgressError` ends the process with status 1."""
        try:
            return super().invoke(ctx)
        except ProgressError as error:
            raise click.ClickException(error.detail) from error


class Database(NamedTuple):
    """The database of one mount, and the settings that apply to it."""

    mount: str
    engine: "Engine"
    schema: str | None
    settings: Settings
    url_prefix: str

    @property
    def binding(self) -> dict[str, Any]:
        """The arguments that each repository takes beside its engine."""
        return {"schema": self.schema, "one_trip": self.settings.database_one_trip}

    @property
    def timeout(self) -> int:
        """Seconds that a migration waits for its locks."""
        return self.settings.migrate_timeout


def databases(mount: str | None) -> Iterator[Database]:
    """Yield the database of the standalone service, or of each mount of the host app.

    Args:
        mount: the name of one mount; None for all of them.
    """
    app = host_app()
    if app is None:
        yield service_database()
        return
    mounted = {name: state for name, state in states(app).items() if mount in {None, name}}
    if not mounted:
        raise click.ClickException(
            "Tutorial progress is not mounted in this app; ProgressAPI(app) mounts it."
        )
    for name, state in mounted.items():
        yield Database(name, state.engine, state.schema, state.settings, state.url_prefix)


def one_database(mount: str | None) -> Database:
    """Return the database of the standalone service, or of one mount of the host app.

    Args:
        mount: the name of the mount; None if there is only one.
    """
    mounted = list(databases(mount))
    if len(mounted) > 1:
        names = ", ".join(database.mount for database in mounted)
        raise click.ClickException(f"This app has several mounts; give --mount one of {names}.")
    return mounted[0]


def host_app() -> Flask | None:
    """Return the app of the command, or None for the standalone service, which is not loaded."""
    info = click.get_current_context().find_object(ScriptInfo)
    if info is None or (info.app_import_path or "").partition(":")[0] == SERVICE:
        return None
    is_named = info.app_import_path or info.create_app
    return (
        info.load_app() if is_named or any(Path(name).exists() for name in _DEFAULT_FILES) else None
    )


def service_database() -> Database:
    """Return the database of the standalone service, with the settings of the environment."""
    settings = Settings.from_environment(os.environ, keys_needed=False)
    engine = open_engine(settings)
    # psycopg 3 warns about connections that are not closed.
    click.get_current_context().call_on_close(engine.dispose)
    return Database(SERVICE, engine, settings.progress_schema, settings, settings.url_prefix)
