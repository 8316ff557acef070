"""A real PgBouncer in transaction mode."""

import shutil
import signal
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest

from embedded.postgres import Postgres
from embedded.processes import owner_of
from embedded.server import Server

_PORT = "6432"
_SEARCHED = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
_CONFIGURATION = """
[databases]
* = host={postgres} port=5432
[pgbouncer]
pool_mode = transaction
default_pool_size = {connections}
ignore_startup_parameters = options
listen_port = {port}
unix_socket_dir = {sockets}
auth_type = trust
auth_file = {directory}/roles
"""


class PgBouncer(Server):
    """PgBouncer on a Unix socket in front of a PostgreSQL."""

    executable = Path(shutil.which("pgbouncer", path=_SEARCHED) or "pgbouncer")
    socket_name = f".s.PGSQL.{_PORT}"
    stop_signal = signal.SIGINT

    def __init__(
        self, directory: Path, postgres: Postgres, database: str, role: str, connections: int
    ) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            directory: for its configuration, log and socket.
            postgres: the server behind it, which runs.
            database: of that server.
            role: that connects to it, without a password.
            connections: how many it keeps to that server.
        """
        super().__init__(directory)
        host = quote(str(self.sockets), safe="/")
        self.url = f"postgresql://{role}@/{database}?host={host}&port={_PORT}"
        self._role = role
        self._configuration = _CONFIGURATION.format(
            postgres=postgres.sockets,
            connections=connections,
            port=_PORT,
            sockets=self.sockets,
            directory=self.directory,
        )

    def _prepare(self) -> None:
        if not self.executable.is_absolute():
            pytest.fail("make test-pooler needs PgBouncer: apt-get install pgbouncer.", False)
        owner_of(self.directory)
        (self.directory / "roles").write_text(f'"{self._role}" ""\n')
        (self.directory / "pgbouncer.ini").write_text(self._configuration)

    def _command(self) -> list[str | Path]:
        return [self.executable, self.directory / "pgbouncer.ini"]

    def _is_ready(self) -> bool:
        try:
            psycopg2.connect(self.url).close()
        except psycopg2.OperationalError:
            return False
        return True
