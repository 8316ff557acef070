"""Commands about what tutorials consist of: `flask progress outline …`."""

import json
from typing import BinaryIO

import click

from progress_api.commands import Commands, one_database, one_mount_option
from progress_api.exceptions import MalformedBody
from progress_api.outlines.records import TutorialOutline
from progress_api.outlines.repository import OutlineRepository
from progress_api.outlines.schemas import OutlinePut, outline_json
from progress_api.validation import require_ids


@click.group(cls=Commands)
def outline() -> None:
    """Manage what tutorials consist of."""


@outline.command()
@click.argument("file", type=click.File("rb"))
@one_mount_option
def put(file: BinaryIO, mount: str | None) -> None:
    """Store the outline in FILE, which is JSON as in PUT, and has a tutorialId; - is stdin."""
    try:
        values = json.load(file)
    except (ValueError, RecursionError) as error:
        raise MalformedBody("The file is not JSON.") from error
    if not isinstance(values, dict):
        raise MalformedBody("The file is not a JSON object.")
    tutorial_id = values.get("tutorialId")
    require_ids(tutorialId=tutorial_id)
    _print(_outlines(mount).put(str(tutorial_id), OutlinePut().read(values).record))


@outline.command()
@click.argument("tutorial_id")
@one_mount_option
def get(tutorial_id: str, mount: str | None) -> None:
    """Print the outline of the tutorial TUTORIAL_ID as JSON."""
    _print(_outlines(mount).get(tutorial_id))


@outline.command()
@click.argument("tutorial_id")
@one_mount_option
def delete(tutorial_id: str, mount: str | None) -> None:
    """Remove the outline of the tutorial TUTORIAL_ID."""
    existed = _outlines(mount).delete(tutorial_id)
    click.echo("The outline is removed." if existed else "The tutorial has no outline.")


def _outlines(mount: str | None) -> OutlineRepository:
    database = one_database(mount)
    return OutlineRepository(database.engine, **database.binding)


def _print(stored: TutorialOutline) -> None:
    click.echo(json.dumps(outline_json(stored), ensure_ascii=False, indent=2))
