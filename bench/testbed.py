"""What all contestants share: a PostgreSQL with fsync on, a Valkey, and the same rows."""

import random
import secrets
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path

import jwt
import psutil
import psycopg2

from embedded import Postgres, Valkey
from embedded.gunicorn import service_environment
from embedded.local import ROOT

SECRET = secrets.token_urlsafe(48)
_CHUNK_ROWS = 10_000
_WEEK_SECONDS = 7 * 86_400
_FIRST_DAY = date(2026, 1, 1)
_PROGRESS = """tutorial_progress
    (id, tutorial_id, user_id, total_chapters, last_watched_at, updated_at, counted_at,
    last_chapter_id)
"""
_UNIQUE = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'u' AND conrelid::regclass::text IN ('tutorial_progress', 'chapter_progress')"""
_INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE NOT indisprimary
        AND indrelid::regclass::text IN ('tutorial_progress', 'chapter_progress')"""
_CHAPTERS = (
    "chapter_progress (progress_id, user_id, chapter_id, watch_time, last_position, recorded_at)"
)


@dataclass(frozen=True, kw_only=True)
class Population:
    """How many rows the database holds before anything is measured.

    Args:
        learners: how many, each with a token.
        tutorials: per learner.
        chapters: per tutorial.
    """

    learners: int = 2_000
    tutorials: int = 5
    chapters: int = 10


@dataclass(frozen=True)
class Testbed:
    """The running servers, and what they hold."""

    postgres: Postgres
    valkey: Valkey
    directory: Path
    population: Population

    @property
    def tokens(self) -> Path:
        """The file with one token per line, each of a different learner."""
        return self.directory / "tokens"

    def database(self, name: str) -> str:
        """Create a database that holds the population, and return its URL."""
        self.postgres.create_database(name, template="progress")
        return self.postgres.url(name)


@contextmanager
def prepared_testbed(population: Population) -> Iterator[Testbed]:
    """Start the servers, and write the population and its tokens."""
    with tempfile.TemporaryDirectory(prefix="progress-bench-") as name:
        directory = Path(name)
        postgres = Postgres(directory / "postgres", durable=True)
        with postgres, Valkey(directory / "valkey") as valkey:
            testbed = Testbed(postgres, valkey, directory, population)
            migrate(postgres.url())
            populate(postgres.url(), population)
            testbed.tokens.write_text("\n".join(sign_tokens(population.learners)))
            yield testbed


def populate(database_url: str, population: Population) -> None:
    """Write rows with COPY; as in production, the rows of a tutorial are not adjacent."""
    chance = random.Random(1)  # noqa: S311 - the same ids in each run
    learners, tutorials = range(population.learners), range(1, population.tutorials + 1)
    keys = [(tutorial, learner) for tutorial in tutorials for learner in learners]
    ids = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in keys]
    total = population.chapters
    last_day = _FIRST_DAY + timedelta(days=total)
    with closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        stored = f"{total}\t{last_day}\t{last_day}\t{last_day}\tchapter-{total}"
        progress = (
            f"{id_}\ttutorial-{tutorial}\tuser-{learner}\t{stored}\n"
            for id_, (tutorial, learner) in zip(ids, keys, strict=True)
        )
        # The trigger that fills `user_id` is off, and every learner watches one chapter a day.
        chapters = (
            f"{id_}\tuser-{learner}\tchapter-{n}\t60\t60\t{_FIRST_DAY + timedelta(days=n)}\n"
            for n in range(1, total + 1)
            for id_, (_, learner) in zip(ids, keys, strict=True)
        )
        with connection.cursor() as cursor, _indexes_at_end(cursor):
            # Skip the triggers and the foreign key checks, which take minutes for ten million rows.
            cursor.execute("SET session_replication_role = replica")
            copy(connection, _PROGRESS, progress)
            copy(connection, _CHAPTERS, chapters)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")


@contextmanager
def _indexes_at_end(cursor: "psycopg2.extensions.cursor") -> Iterator[None]:
    """Drop the indexes and rebuild them at the end; with random ids, updating them takes hours."""
    cursor.execute(_UNIQUE)
    constraints = cursor.fetchall()
    for table, name, _ in constraints:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    cursor.execute(_INDEXES)
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    cursor.execute("SET maintenance_work_mem = '512MB'")
    for table, name, definition in constraints:
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for _, definition in indexes:
        cursor.execute(definition)


def copy(connection: "psycopg2.extensions.connection", table: str, lines: Iterable[str]) -> None:
    """Write lines of tab-separated values to a table."""
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} FROM STDIN", _Reader(lines))


class _Reader:
    """A file over generated lines, which are never in memory all at once."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Create a file.

        Args:
            lines: each with its newline.
        """
        self._lines = iter(lines)

    def read(self, _: int = -1, /) -> bytes:
        """Return the next lines, whatever the size."""
        return "".join(islice(self._lines, _CHUNK_ROWS)).encode()

    readline = read


def sign_tokens(learners: int) -> Iterator[str]:
    """Yield a token of each learner, valid for a week."""
    now = int(time.time())
    for number in range(learners):
        claims = {"sub": f"user-{number}", "iat": now, "nbf": now, "exp": now + _WEEK_SECONDS}
        claims |= {"jti": f"token-{number}", "type": "access", "fresh": False}
        yield jwt.encode(claims, SECRET, algorithm="HS256")


def cpu_seconds(process_id: int) -> float:
    """Return the CPU time of a process and all its descendants, ended ones included."""
    parent = psutil.Process(process_id)
    total = 0.0
    for process in (parent, *parent.children(recursive=True)):
        try:
            spent = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system + spent.children_user + spent.children_system
    return total


def migrate(database_url: str, root: Path = ROOT) -> None:
    """Migrate a database as an operator does, with `flask progress migrate`.

    Args:
        database_url: the database.
        root: the working directory, from which the code is imported.
    """
    command = [sys.executable, "-m", "flask", "--app", "progress_api", "progress", "migrate"]
    environment = service_environment({"DATABASE_URL": database_url})
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
