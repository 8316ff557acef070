"""Each statement holds each table that it reads or changes to one learner (spec 12.9).

So no statement reaches another learner's rows, and the tables can be distributed by learner.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.dialects.postgresql import asyncpg

from progress_api.database import Statement, Statements
from progress_api.schema.tables import metadata

# Statements that are not of one learner, each with the reason.
NOT_OF_A_LEARNER = {
    "_LEARNERS": "a recount is of all learners of a tutorial; it counts each by itself",
    "_NEXT_TUTORIAL": "a recount of all tutorials visits one after the other",
    "REPORT": "a report is of all learners of a tutorial",
    "LEARNERS": "a teacher reads all learners of a tutorial, page by page",
    "FIND_CERTIFICATE": "anyone may look at a certificate, by its public id",
    "REVOKE_CERTIFICATE": "an admin names a certificate by its public id",
    "REINSTATE_CERTIFICATE": "an admin names a certificate by its public id",
}
WITHOUT_ID = {
    "ERASE 0": "the rows that an erasure opens, to lock them, are removed by its next step"
}
# Outlines are the same for all learners, and distributed to each machine whole.
OF_TUTORIALS = {name for name, table in metadata.tables.items() if "user_id" not in table.c}
OF_LEARNERS = metadata.tables.keys() - OF_TUTORIALS
WITH_ID = {name for name in OF_LEARNERS if "id" in metadata.tables[name].c}
_TABLE = re.compile(r"(?:\b(?:FROM|JOIN|UPDATE)|,)\s+(\w+)\b(?!\.)(?: AS (\w+))?")
_INSERT = re.compile(r"INSERT INTO (\w+) \(([^)]*)\) (?:SELECT|\(SELECT|\(?WITH)")
_CONFLICT = re.compile(r"ON CONFLICT (ON CONSTRAINT|\(.*?\)|DO NOTHING)")


def _found() -> Iterator[tuple[str, Statement]]:
    modules = [module for name, module in sys.modules.items() if name.startswith("progress_api.")]
    for name, value in [pair for module in modules for pair in vars(module).items()]:
        held = value.statements if isinstance(value, Statements) else value
        for number, one in enumerate(held if isinstance(held, tuple) else (held,)):
            if isinstance(one, Statement) and name not in NOT_OF_A_LEARNER:
                yield f"{name} {number}", one


STATEMENTS = dict(_found())


def as_postgresql_gets_it(name: str) -> Any:
    dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]
    return STATEMENTS[name].sql.compile(dialect=dialect)


@pytest.fixture(params=list(STATEMENTS))
def compiled(request: pytest.FixtureRequest) -> Any:
    """Each statement in turn, as PostgreSQL gets it."""
    return as_postgresql_gets_it(request.param)


def tables_of(sql: str) -> Counter[str]:
    """How often each table of learners, or each other name of one, is read or changed."""
    found = _TABLE.findall(sql)
    return Counter(alias or table for table, alias in found if table in OF_LEARNERS)


def parts(sql: str, opening: str) -> Iterator[str]:
    """What is within the parentheses of a function, or between CASE and END."""
    ends = {"coalesce(": (r"\(", r"\)"), "CASE": (r"\bCASE\b", r"\bEND\b")}[opening]
    for start in re.finditer(re.escape(opening), sql):
        depth = 0
        for step in re.finditer("|".join(ends), sql[start.start() :]):
            depth += 1 if re.fullmatch(ends[0], step[0]) else -1
            if depth == 0:
                yield sql[start.start() : start.start() + step.end()]
                break


def test_the_statements_of_every_capability_are_found() -> None:
    names = {name.partition(" ")[0] for name in STATEMENTS}

    expected = "GET_STORED GET_COUNTED RECORD_CHAPTER RECORD_QUIZ COMPLETE RESET LIST_TUTORIALS"
    assert {*expected.split(), "CHAPTER_ALONE", "RECOUNT_AND_COMPLETE", "GET_CERTIFICATE"} <= names


def test_each_table_is_held_to_the_learner(compiled: Any) -> None:
    sql = str(compiled)
    numbers = [n for n, name in enumerate(compiled.positiontup, 1) if name == "of_user"]
    user = "|".join(rf"\${number}\b" for number in numbers)
    held = Counter(re.findall(rf"\b(\w+)\.user_id = (?:{user})", sql)) if numbers else Counter()

    tables = tables_of(sql)

    assert {name: held[name] for name in tables} == dict(tables), sql


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name not in WITHOUT_ID])
def test_each_row_that_is_added_has_its_learner_and_its_id(name: str) -> None:
    for table, listed in _INSERT.findall(str(as_postgresql_gets_it(name))):
        columns = set(listed.split(", "))
        if table in OF_LEARNERS:
            assert "user_id" in columns
        # PostgreSQL would make another id on each machine.
        assert table not in WITH_ID or "id" in columns


def test_a_conflict_is_named_by_a_constraint_or_by_the_learner(compiled: Any) -> None:
    sql = str(compiled)
    if not tables_of(sql) and not any(f"INTO {name}" in sql for name in OF_LEARNERS):
        return

    for key in _CONFLICT.findall(sql):
        assert key in {"ON CONSTRAINT", "DO NOTHING"} or "user_id" in key


def test_nothing_that_changes_while_it_is_evaluated_is_within_a_case(compiled: Any) -> None:
    sql = str(compiled)
    within = [part for opening in ("coalesce(", "CASE") for part in parts(sql, opening)]

    assert [part for part in within if "now()" in part] == []


def test_a_case_with_a_time_would_be_found() -> None:
    assert list(parts("a CASE WHEN x THEN coalesce(now(), 1) END b", "CASE"))
    assert list(parts("f(coalesce(a, (now()))) b", "coalesce(")) == ["coalesce(a, (now()))"]
    assert tables_of("FROM tutorial_progress AS stored, quiz_scores") == {
        "stored": 1,
        "quiz_scores": 1,
    }
