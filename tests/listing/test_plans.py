"""A page costs the same at any depth, and reads no rows of other learners (spec 11.4, 12.9)."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event

from embedded.postgres import Postgres
from progress_api import ProgressRepository
from tests.conftest import new_database

MOST, LIMIT = 5000, 20
FILL = """
    INSERT INTO tutorial_progress (tutorial_id, user_id, last_watched_at, completion_percentage)
    SELECT 'tutorial-' || n, 'many', now() - n / 3 * interval '1 minute', mod(n, 2) * 100
    FROM generate_series(1, 5000) n;
    INSERT INTO tutorial_progress (tutorial_id, user_id, last_watched_at)
    SELECT 'tutorial-' || mod(n, 100), 'other-' || n, now() FROM generate_series(1, 5000) n;
    INSERT INTO chapter_progress (progress_id, user_id, chapter_id)
    SELECT id, user_id, 'chapter-' || n FROM tutorial_progress, generate_series(1, 2) n;
    INSERT INTO quiz_scores (progress_id, user_id, quiz_id, score, max_score)
    SELECT id, user_id, 'quiz', 1, 1 FROM tutorial_progress;
    UPDATE tutorial_progress SET last_chapter_id = 'chapter-1', counted_at = updated_at;
"""


class Plans:
    """A repository that explains how PostgreSQL finds each page that it lists."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._repository = ProgressRepository(engine)
        self._sent: list[tuple[str, Any]] = []
        event.listen(engine, "before_cursor_execute", self._note)

    def _note(self, *sent: Any) -> None:
        self._sent.append(sent[2:4])

    def of_page(
        self, user_id: str, cursor: str | None = None, status: str = "all"
    ) -> tuple[str | None, list[Any]]:
        """The cursor of the next page, and each node of the plan that reads a table."""
        self._sent.clear()
        following = self._repository.list(user_id, limit=LIMIT, cursor=cursor, status=status).next
        ((statement, parameters),) = self._sent
        explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}"
        with self._engine.connect() as connection:
            (explained,) = connection.exec_driver_sql(explain, parameters).scalar_one()
        return following, list(_tables_read(explained["Plan"]))


def _tables_read(node: Any) -> Iterator[Any]:
    if "Relation Name" in node:
        yield node
    for below in node.get("Plans", []):
        yield from _tables_read(below)


def rows_read(nodes: list[Any], table: str) -> int:
    """How many rows of a table were read, those that a filter removed too."""
    return sum(
        round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in nodes
        if node["Relation Name"] == table
    )


@pytest.fixture(scope="module")
def plans(postgres: Postgres) -> Iterator[Plans]:
    """Of a database with a learner of thousands of tutorials, and as many other learners."""
    engine = create_engine(new_database(postgres), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(FILL)
        connection.exec_driver_sql("ANALYZE")
    yield Plans(engine)
    engine.dispose()


def test_a_page_reads_only_its_own_rows_at_any_depth(plans: Plans) -> None:
    pages, cursor = 0, None
    while pages == 0 or cursor:
        cursor, nodes = plans.of_page("many", cursor)
        pages += 1

        # One tutorial more tells if there is another page; of equal times some may be skipped.
        assert rows_read(nodes, "tutorial_progress") <= LIMIT + 1 + 3
        assert rows_read(nodes, "chapter_progress") <= LIMIT + 1
        assert nodes[0]["Index Name"] == "idx_tutorial_progress_pages"
        # Outlines are of no learner, and there are none here.
        learners = [node for node in nodes if node["Relation Name"] != "tutorial_outlines"]
        assert "Seq Scan" not in {node["Node Type"] for node in learners}
    assert pages == MOST / LIMIT


@pytest.mark.parametrize("status", ["completed", "in_progress"])
def test_a_page_of_a_status_reads_only_to_its_end(plans: Plans, status: str) -> None:
    _, nodes = plans.of_page("many", status=status)

    # Every second tutorial is completed.
    assert rows_read(nodes, "tutorial_progress") <= 2 * (LIMIT + 1)
    assert nodes[0]["Index Name"] == "idx_tutorial_progress_pages"


def test_a_page_of_a_learner_of_one_tutorial_reads_one_row(plans: Plans) -> None:
    _, nodes = plans.of_page("other-7")

    assert rows_read(nodes, "tutorial_progress") == 1
    assert rows_read(nodes, "chapter_progress") == 1


def test_a_page_of_a_learner_with_nothing_reads_no_row(plans: Plans) -> None:
    _, nodes = plans.of_page("nobody")

    assert rows_read(nodes, "tutorial_progress") == rows_read(nodes, "chapter_progress") == 0
