"""Each statement holds each table that it reads or changes to one learner (spec 12.9).

So no statement reaches another learner's rows, and the tables can be distributed by learner.
"""

import importlib
import re
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, text
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
# Outlines are the same for all learners, and distributed to each machine whole.
OF_TUTORIALS = {name for name, table in metadata.tables.items() if "user_id" not in table.c}
OF_LEARNERS = metadata.tables.keys() - OF_TUTORIALS
BELOW = {name for name in OF_LEARNERS if "tutorial_id" not in metadata.tables[name].c}
WITH_ID = {name for name in OF_LEARNERS if "id" in metadata.tables[name].c}
_TABLE = re.compile(r"(?:\b(?:FROM|JOIN|UPDATE)|,)\s+(\w+)\b(?!\.)(?: AS (\w+))?")
_INSERT = re.compile(r"INSERT INTO (\w+) \(([^)]*)\) (?:SELECT|\(SELECT|\(?WITH)")
_CONFLICT = re.compile(r"ON CONFLICT (ON CONSTRAINT|\(.*?\)|DO NOTHING)")


importlib.import_module("progress_api.cli")  # commands have statements, too


def _all() -> Iterator[tuple[str, Statement]]:
    modules = [module for name, module in sys.modules.items() if name.startswith("progress_api.")]
    for name, value in [pair for module in modules for pair in vars(module).items()]:
        held = value.statements if isinstance(value, Statements) else value
        for number, one in enumerate(held if isinstance(held, tuple) else (held,)):
            if isinstance(one, Statement):
                yield f"{name} {number}", one


def is_of_a_learner(name: str) -> bool:
    return name.partition(" ")[0] not in NOT_OF_A_LEARNER


EVERY = dict(_all())
STATEMENTS = {name: one for name, one in EVERY.items() if is_of_a_learner(name)}
OTHERS = {name: one for name, one in EVERY.items() if not is_of_a_learner(name)}


def as_postgresql_gets_it(name: str) -> Any:
    dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]
    return EVERY[name].sql.compile(dialect=dialect)


@pytest.fixture(params=list(STATEMENTS))
def compiled(request: pytest.FixtureRequest) -> Any:
    """Each statement of a learner in turn, as PostgreSQL gets it."""
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


def clauses(sql: str, opening: str) -> Iterator[str]:
    """Each clause that begins so, to the end of the statement or of its parentheses."""
    for start in re.finditer(re.escape(opening), sql):
        depth, end = 0, start.end()
        while end < len(sql) and depth >= 0:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        yield sql[start.end() : end]


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


@pytest.mark.parametrize("name", list(OTHERS))
def test_each_table_of_a_report_is_joined_by_the_learner(name: str) -> None:
    """Rows below a learner's row are on the machine of that learner, and found there alone."""
    sql = str(as_postgresql_gets_it(name))
    joined = Counter(re.findall(r"\b(\w+)\.user_id = \w+\.user_id", sql))
    below = {table: number for table, number in tables_of(sql).items() if table in BELOW}

    assert {table: joined[table] for table in below} == below, sql


@pytest.mark.parametrize("name", list(OTHERS))
def test_a_statement_of_all_learners_joins_nothing_to_each_learner_by_itself(name: str) -> None:
    """Citus refuses an aggregate that is LATERAL to the learners, and a LIMIT beside it."""
    assert "LATERAL" not in str(as_postgresql_gets_it(name))


def test_the_statements_of_reports_are_found() -> None:
    sql = {name: str(as_postgresql_gets_it(name)) for name in OTHERS}

    assert {name.partition(" ")[0] for name in sql} == NOT_OF_A_LEARNER.keys()
    assert sum(tables_of(one)["chapter_progress"] for one in sql.values()) >= 3


@pytest.mark.parametrize("opening", ["RETURNING ", "DO UPDATE SET "])
@pytest.mark.parametrize("name", list(EVERY))
def test_a_clause_that_each_machine_evaluates_is_immutable(
    name: str, opening: str, changing: set[str]
) -> None:
    for clause in clauses(str(as_postgresql_gets_it(name)), opening):
        assert set(re.findall(r"\b(\w+)\(", clause)) & changing == set()


@pytest.fixture(scope="module")
def changing(shared_database: str) -> set[str]:
    """The functions whose result depends on more than their arguments."""
    query = "SELECT proname FROM pg_proc GROUP BY proname HAVING bool_and(provolatile <> 'i')"
    engine = create_engine(shared_database, poolclass=NullPool)
    with engine.connect() as connection:
        found = set(connection.scalars(text(query)))
    assert {"now", "gen_random_uuid", "json_build_array"} <= found
    return found


def test_each_row_that_is_added_has_its_learner_and_its_id(compiled: Any) -> None:
    for table, listed in _INSERT.findall(str(compiled)):
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
    assert list(clauses("(UPDATE a RETURNING f(b), c) SELECT now()", "RETURNING ")) == ["f(b), c)"]
    assert list(parts("a CASE WHEN x THEN coalesce(now(), 1) END b", "CASE"))
    assert list(parts("f(coalesce(a, (now()))) b", "coalesce(")) == ["coalesce(a, (now()))"]
    assert tables_of("FROM tutorial_progress AS stored, quiz_scores") == {
        "stored": 1,
        "quiz_scores": 1,
    }
