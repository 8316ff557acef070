"""A database to try the migrations on, and what its catalog says."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from sqlalchemy import Connection, Engine, create_engine, text

from progress_api import Settings
from progress_api.cli import progress

Rows = list[tuple[Any, ...]]
GUIDE = (Path(__file__).parent / "guide.sql").read_text()
# The tables of the guide, and the number of their columns; later migrations add more.
TABLES = {"tutorial_progress": 12, "chapter_progress": 8, "quiz_scores": 10}
# The command's own door, in a process of its own, whether or not the package is installed.
PROCESS = (sys.executable, "-c", "from progress_api.cli import progress; progress()")
# A migration that waits for a table.
WAITING = """
    SELECT pid, query_start FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
      AND query ~* 'CREATE TABLE quiz_attempt_keys'"""
SETTINGS = [one.name.upper() for one in fields(Settings)]

_CATALOG = {
    "relations": """
        SELECT relname, relkind, relpersistence, reloptions, relrowsecurity, amname
        FROM pg_class c LEFT JOIN pg_am am ON am.oid = relam
        WHERE relnamespace = 'public'::regnamespace""",
    "columns": """
        SELECT attrelid::regclass::text,
               row_number() OVER (PARTITION BY attrelid ORDER BY attnum), attname,
               format_type(atttypid, atttypmod),
               attnotnull, pg_get_expr(adbin, adrelid), attidentity, attgenerated, collname,
               attcompression, attstorage, attisdropped
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        LEFT JOIN pg_collation c ON c.oid = attcollation JOIN pg_class r ON r.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid),
               condeferrable, condeferred, convalidated, conislocal, connoinherit, confdeltype,
               confupdtype, confmatchtype, conkey, confkey, confrelid::regclass::text,
               conindid::regclass::text
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": """
        SELECT indexrelid::regclass::text, indrelid::regclass::text, pg_get_indexdef(indexrelid),
               indisunique, indisprimary, indisvalid, indimmediate, indnullsnotdistinct,
               indoption::text
        FROM pg_index JOIN pg_class ON oid = indexrelid
        WHERE relnamespace = 'public'::regnamespace""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgfoid::regproc::text, tgtype, tgenabled, tgisinternal
        FROM pg_trigger""",
    "types": """
        SELECT typname, typtype FROM pg_type WHERE typnamespace = 'public'::regnamespace""",
    "functions": "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
}


class Database:
    """One database of the tests' server."""

    def __init__(self, url: str) -> None:
        self.url = url
        # One connection is kept: others would be ended with what the next test is to find empty.
        self.engine: Engine = create_engine(url, pool_size=1)

    def run(self, script: str) -> None:
        """Run SQL as somebody at a prompt would."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql(script)

    def ask(self, query: str) -> Rows:
        """Ask, and return the rows in an order that does not depend on how they are kept."""
        with self.engine.connect() as connection:
            return _rows(connection, query)

    def catalog(self) -> dict[str, Rows]:
        """All that there is in the schema, but for the version table."""
        with self.engine.connect() as connection:
            found = {kind: _rows(connection, query) for kind, query in _CATALOG.items()}
        return {
            kind: [row for row in rows if "progress_api_version" not in str(row)]
            for kind, rows in found.items()
        }

    def rows(self) -> dict[str, Rows]:
        """Every row of the guide's tables, in the guide's columns."""
        return {
            table: [row[:columns] for row in self.ask(f"TABLE {table}")]
            for table, columns in TABLES.items()
        }

    def version(self) -> str | None:
        """What the version table holds; None without the table."""
        if self.ask("SELECT to_regclass('progress_api_version')") == [(None,)]:
            return None
        ((version,),) = self.ask("SELECT version_num FROM progress_api_version")
        return str(version)

    def command(self, *arguments: str, **environment: str) -> Result:
        """Run `flask progress …` with DATABASE_URL, and no setting but those given."""
        none: dict[str, str | None] = dict.fromkeys(SETTINGS)
        given = none | {"DATABASE_URL": self.url} | environment
        runner = CliRunner()
        vars(runner)["mix_stderr"] = False  # click 8.1 mixes the two outputs; later ones never do
        return runner.invoke(progress, arguments, env=given)

    def environment(self) -> dict[str, str]:
        """For a process of its own, the same."""
        outside = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        return outside | {"DATABASE_URL": self.url}


@contextmanager
def a_writer_of_quizzes(database: Database) -> Iterator[Connection]:
    """A transaction that wrote to a quiz, and stays open."""
    with database.engine.connect() as connection:
        connection.execute(text("UPDATE quiz_scores SET score = score WHERE quiz_id = 'quiz-1'"))
        yield connection


def until(look: Callable[[], Rows], migration: Future[str]) -> Rows:
    """What is found at last, while the migration goes on."""
    deadline = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < deadline
        assert not migration.done()
        time.sleep(0.02)
    return found


def _rows(connection: Connection, query: str) -> Rows:
    return sorted((tuple(row) for row in connection.exec_driver_sql(query)), key=repr)


def refusal(result: Result) -> str:
    """The one sentence of a command that failed as it should: with status 1, no stack trace."""
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("Error: ")
    return lines[0].removeprefix("Error: ")


def succeeded(result: Result) -> str:
    """The output of a command that succeeded."""
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout.strip()


def run_in(copy: Path, database: Database, *commands: list[str]) -> list[str]:
    """Run commands of a copy of the package; return the lines that they said."""
    run = "from progress_api.cli import progress; {}".format(
        "; ".join(f"progress({command}, standalone_mode=False)" for command in commands)
    )
    ended = subprocess.run(
        [sys.executable, "-c", run],
        cwd=copy,
        env=database.environment() | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()
