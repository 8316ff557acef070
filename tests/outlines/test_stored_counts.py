"""A GET reads the stored counts, unless the outline was changed after they were stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, event

from progress_api import (
    Chapter,
    Outline,
    OutlineChapter,
    OutlineRepository,
    Progress,
    ProgressRepository,
)

CHAPTER = Chapter(chapter_id="a", watch_time=1, completed=True, total_chapters=1)


def outline(*chapter_ids: str) -> Outline:
    return Outline(chapters=tuple(OutlineChapter(chapter_id=one) for one in chapter_ids))


@contextmanager
def statements_of(engine: Engine) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def counts(progress: Progress) -> tuple[int, int, int]:
    return (
        progress.chapters_completed,
        progress.total_chapters,
        progress.completion_percentage,
    )


def statements_of_a_get(engine: Engine, learner: str) -> int:
    repository = ProgressRepository(engine)
    with statements_of(engine) as sent:
        repository.get(learner, "intro")
    return len(sent)


def test_a_get_is_one_statement_until_the_outline_changes(engine: Engine) -> None:
    outlines, progress = OutlineRepository(engine), ProgressRepository(engine)
    progress.record_chapter("ada", "intro", CHAPTER)
    one = statements_of_a_get(engine, "ada")

    for change in (
        lambda: outlines.put("intro", outline("a", "b")),
        lambda: outlines.put("intro", outline("a", "b", "c")),
        lambda: outlines.delete("intro"),
    ):
        change()
        assert statements_of_a_get(engine, "ada") == one + 1
        progress.record_chapter("ada", "intro", CHAPTER)
        assert statements_of_a_get(engine, "ada") == one


@pytest.mark.parametrize("last", ["put", "delete"])
def test_a_clock_that_steps_back_lets_no_old_count_through(engine: Engine, last: str) -> None:
    # given counts that were stored with an outline of a time to come
    outlines, progress = OutlineRepository(engine), ProgressRepository(engine)
    progress.record_chapter("ada", "intro", replace(CHAPTER, total_chapters=2))
    outlines.put("intro", outline("a"))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE tutorial_outlines SET updated_at = '2100-01-01'")
    progress.record_chapter("ada", "intro", CHAPTER)
    assert counts(progress.get("ada", "intro")) == (1, 1, 100)
    # when
    if last == "put":
        outlines.put("intro", outline("b", "c"))
    else:
        progress.record_chapter("ada", "intro", Chapter(chapter_id="x", watch_time=1))
        outlines.delete("intro")
        progress.record_chapter("ada", "intro", replace(CHAPTER, total_chapters=4))
        outlines.put("intro", outline("b", "c"))
    # then
    assert counts(progress.get("ada", "intro")) == (0, 2, 0)
    assert counts(progress.record_chapter("ada", "intro", CHAPTER)) == (0, 2, 0)
    assert counts(progress.get("ada", "intro")) == (0, 2, 0)


def test_the_stored_columns_are_read_as_they_are_where_no_outline_was(engine: Engine) -> None:
    progress = ProgressRepository(engine)
    progress.record_chapter("ada", "intro", CHAPTER)

    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE tutorial_progress SET total_chapters = 7")

    assert progress.get("ada", "intro").total_chapters == 7


def test_what_a_version_without_outlines_stores_beside_one_is_counted_anew(engine: Engine) -> None:
    # given counts that were stored with the outline, and a write by other rules after them
    outlines, progress = OutlineRepository(engine), ProgressRepository(engine)
    outlines.put("intro", outline("a", "b"))
    progress.record_chapter("ada", "intro", CHAPTER)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE tutorial_progress SET chapters_completed = 2, completion_percentage = 100,"
            " updated_at = updated_at + interval '1 second'"
        )
    # then
    assert counts(progress.get("ada", "intro")) == (1, 2, 50)
    assert progress.list("ada").items[0].completion_percentage == 50
