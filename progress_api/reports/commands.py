"""The command about reports: `flask progress report`."""

import json
from collections.abc import Iterator

import click

from progress_api.commands import one_database, one_mount_option
from progress_api.reports.capacity import report_engine
from progress_api.reports.records import Report
from progress_api.reports.repository import ReportRepository
from progress_api.reports.schemas import report_json

_BAR = 30  # characters


@click.command()
@click.argument("tutorial")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@one_mount_option
def report(tutorial: str, mount: str | None, *, as_json: bool) -> None:
    """Print what the learners of TUTORIAL did, with a bar for those who reached each chapter."""
    database = one_database(mount)
    engine = report_engine(database.engine, database.settings)
    click.get_current_context().call_on_close(engine.dispose)
    timeout = database.settings.report_timeout
    counted = ReportRepository(engine, timeout=timeout, **database.binding).report(tutorial)
    if as_json:
        click.echo(json.dumps(report_json(counted), ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(_table(counted)))


def _table(counted: Report) -> Iterator[str]:
    yield counted.title or counted.tutorial_id
    yield (
        f"{counted.learners} learners, {counted.active_learners} active in the last 7 days, "
        f"{counted.completed_learners} completed, {counted.certificates} certificates, "
        f"{counted.average_percentage} percent on average"
    )
    names = [chapter.title or chapter.chapter_id for chapter in counted.chapters]
    width = max(map(len, ["chapter", *names]))
    bar = "learners who reached it"
    yield f"\n{'chapter':{width}}  {bar:{_BAR}} {'learners':>8} {'completed':>9} {'stopped':>7}"
    for name, chapter in zip(names, counted.chapters, strict=True):
        counts = f"{chapter.learners:>8} {chapter.completed:>9} {chapter.stopped_here:>7}"
        yield f"{name:{width}}  {_bar(chapter.learners, counted.learners):{_BAR}} {counts}"
    for quiz in counted.quizzes:
        yield (
            f"\nquiz {quiz.title or quiz.quiz_id}: {quiz.learners} learners, {quiz.passed} passed, "
            f"{quiz.average_attempts} attempts, {quiz.average_score} percent on average"
        )


def _bar(part: int, whole: int) -> str:
    length = _BAR * part / whole if whole else 0
    return "█" * round(length) or ("▏" if part else "")
