"""What all contestants stand on: one PostgreSQL with fsync on, one Valkey, the same rows."""

import random
import secrets
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

import jwt
import psutil
import psycopg2

from embedded import Postgres, Valkey
from progress_api import Settings

SECRET = secrets.token_urlsafe(48)
ROOT = Path(__file__).resolve().parent.parent
_SETTINGS = {one.name.upper() for one in fields(Settings)} | {"PROMETHEUS_MULTIPROC_DIR"}
_CHUNK_ROWS = 10_000
_WEEK_SECONDS = 7 * 86_400
_PROGRESS = "tutorial_progress (id, tutorial_id, user_id, total_chapters)"
_UNIQUE = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'u' AND conrelid::regclass::text IN ('tutorial_progress', 'chapter_progress')"""
_INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE NOT indisprimary
        AND indrelid::regclass::text IN ('tutorial_progress', 'chapter_progress')"""
_CHAPTERS = "chapter_progress (progress_id, chapter_id, watch_time, last_position)"


@dataclass(frozen=True, kw_only=True)
class Population:
    """Who has recorded what before anything is measured.

    Args:
        learners: each with a token of its own.
        tutorials: of each learner.
        chapters: of each tutorial.
    """

    learners: int = 2_000
    tutorials: int = 5
    chapters: int = 10


@dataclass(frozen=True)
class Ground:
    """The servers that run, and what is in them."""

    postgres: Postgres
    valkey: Valkey
    directory: Path
    population: Population

    @property
    def tokens(self) -> Path:
        """A token a line."""
        return self.directory / "tokens"

    def database(self, name: str) -> str:
        """Return the address of a new database with the whole population in it."""
        self.postgres.create_database(name, template="progress")
        return self.postgres.url(name)


@contextmanager
def prepared(population: Population) -> Iterator[Ground]:
    """Start the servers, and write the population and its tokens."""
    with tempfile.TemporaryDirectory(prefix="progress-bench-") as name:
        directory = Path(name)
        postgres = Postgres(directory / "postgres", durable=True)
        with postgres, Valkey(directory / "valkey") as valkey:
            ground = Ground(postgres, valkey, directory, population)
            migrate(postgres.url())
            populate(postgres.url(), population)
            ground.tokens.write_text("\n".join(_tokens(population.learners)))
            yield ground


def populate(database_url: str, population: Population) -> None:
    """Write rows with COPY, chapter by chapter, so that a tutorial's rows lie apart as in life."""
    chance = random.Random(1)  # noqa: S311 - ids as PostgreSQL makes them, the same in each run
    learners, tutorials = range(population.learners), range(1, population.tutorials + 1)
    keys = [(tutorial, learner) for tutorial in tutorials for learner in learners]
    ids = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in keys]
    total = population.chapters
    with closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        progress = (
            f"{id_}\ttutorial-{tutorial}\tuser-{learner}\t{total}\n"
            for id_, (tutorial, learner) in zip(ids, keys, strict=True)
        )
        chapters = (f"{id_}\tchapter-{n}\t60\t60\n" for n in range(1, total + 1) for id_ in ids)
        with connection.cursor() as cursor, _indexes_later(cursor):
            # The rows refer to each other as they should: to check ten million takes minutes.
            cursor.execute("SET session_replication_role = replica")
            copy(connection, _PROGRESS, progress)
            copy(connection, _CHAPTERS, chapters)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")


@contextmanager
def _indexes_later(cursor: "psycopg2.extensions.cursor") -> Iterator[None]:
    """Build once, at the end, what a row at a time would take hours for: ids come at random."""
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
    """Send lines of tab-separated values to a table."""
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} FROM STDIN", _Reader(lines))


class _Reader:
    """Lines as a file that is read in pieces, so that ten million of them take no memory."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Read from these lines."""
        self._lines = iter(lines)

    def read(self, _: int = -1, /) -> bytes:
        """Return the next lines, whatever was asked for."""
        return "".join(islice(self._lines, _CHUNK_ROWS)).encode()

    readline = read


def _tokens(learners: int) -> Iterator[str]:
    now = int(time.time())
    for number in range(learners):
        claims = {"sub": f"user-{number}", "iat": now, "nbf": now, "exp": now + _WEEK_SECONDS}
        claims |= {"jti": f"token-{number}", "type": "access", "fresh": False}
        yield jwt.encode(claims, SECRET, algorithm="HS256")


def cpu_seconds(process_id: int) -> float:
    """Return the processor time of a process and all below it, also of those that ended."""
    head = psutil.Process(process_id)
    total = 0.0
    for process in (head, *head.children(recursive=True)):
        try:
            spent = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system + spent.children_user + spent.children_system
    return total


def migrate(database_url: str) -> None:
    """Make the tables as an operator does.

    Args:
        database_url: of a database without them.
    """
    command = [sys.executable, "-m", "flask", "--app", "progress_api", "progress", "migrate"]
    program = [*with_only({"DATABASE_URL": database_url}), *command]
    subprocess.run(program, cwd=ROOT, check=True, capture_output=True)


def with_only(given: Mapping[str, object]) -> list[str]:
    """Return what a program is started by, so that it sees no other settings than these.

    Args:
        given: values by their names in the environment.
    """
    unset = [part for name in sorted(_SETTINGS) for part in ("-u", name)]
    return ["env", *unset, *(f"{name}={value}" for name, value in given.items())]
