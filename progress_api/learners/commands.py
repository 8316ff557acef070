"""Commands about everything held about one learner: `flask progress export`, `erase`."""

import json
import logging
import sys
from typing import BinaryIO

import click

from progress_api.commands import host_app, one_database, one_mount_option
from progress_api.learners.records import ErasureStep, LearnerRows
from progress_api.learners.repository import LearnerRepository
from progress_api.monitoring.logs import JsonLines

_NAMES = {
    "tutorials": "tutorials",
    "chapters": "chapters",
    "quizzes": "quizzes",
    "attempt_keys": "attemptKeys",
    "certificates": "certificates",
}


@click.command()
@click.argument("user")
@click.option(
    "--output", type=click.File("wb"), default="-", help="A file; by default standard output."
)
@one_mount_option
def export(user: str, output: BinaryIO, mount: str | None) -> None:
    """Write everything held about the learner USER as JSON."""
    _log_to_stderr()
    _learners(mount).export(user, output)


@click.command()
@click.argument("user")
@click.option("--dry-run", is_flag=True, help="Only print how much it is.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@one_mount_option
def erase(user: str, mount: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Remove everything held about the learner USER, certificates too."""
    _log_to_stderr()
    learners = _learners(mount)
    rows = learners.count(user) if dry_run else _erase(learners, user)
    if as_json:
        counts = {_NAMES[name]: count for name, count in rows._asdict().items()}
        click.echo(json.dumps({"erased": not dry_run, **counts}))
    else:
        click.echo(f"{'Would remove' if dry_run else 'Removed'} {rows}.")


def _erase(learners: LearnerRepository, user: str) -> LearnerRows:
    with click.progressbar(length=1, label="Erasing tutorials", file=sys.stderr) as bar:

        def show(step: ErasureStep) -> None:
            bar.length = step.total
            bar.update(step.done - bar.pos)

        return learners.erase(user, show)


def _learners(mount: str | None) -> LearnerRepository:
    database = one_database(mount)
    return LearnerRepository(database.engine, **database.binding)


def _log_to_stderr() -> None:
    """Show the audit line of this command, unless a host app decides where its logs go."""
    logger = logging.getLogger("progress_api.learners")
    if host_app() or logger.hasHandlers():
        return
    handler, level = logging.StreamHandler(sys.stderr), logger.level
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    context = click.get_current_context()
    context.call_on_close(lambda: logger.removeHandler(handler))
    context.call_on_close(lambda: logger.setLevel(level))
