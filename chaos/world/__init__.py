"""Real servers for the rows of the table: PostgreSQL with fsync on, Valkey, gunicorn."""

import os
import shutil
import subprocess
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psycopg2
from psycopg2.extensions import parse_dsn

from bench.testbed import migrate
from chaos.client import Connect
from chaos.world.machine import Clock, RequirementMissing, small_disk
from chaos.world.nginx import Nginx
from chaos.world.proxy import Proxy
from chaos.world.service import CONNECTIONS, Service
from embedded import Postgres, Valkey
from embedded.local import ROOT
from embedded.ports import free_port
from progress_api.schema.migrate import head

__all__ = ["CONNECTIONS", "Needs", "RequirementMissing", "Service", "World"]

_MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision, down_revision = "progress_9999", "{head}"


def upgrade():
    note = sa.Column("note", sa.Text(), nullable=False, server_default="")
    op.add_column("tutorial_progress", note)
"""
_UNLIMITED = "100000000/minute"
_USED_LIMITS = ("GET", "CHAPTER", "QUIZ", "EVENTS")
_DISK_MEGABYTES = 128
_BEHIND_NGINX = {"TRUSTED_PROXIES": 1, "REQUIRE_HTTPS": "true"}


@dataclass(frozen=True)
class Needs:
    """What a row needs besides PostgreSQL, Valkey and gunicorn.

    Args:
        nginx: nginx as documented, in front of a service whose port stays open over a restart.
        proxied: a TCP proxy in front of PostgreSQL.
        standby: a second PostgreSQL, replicated synchronously.
        small_disk: a small disk for PostgreSQL's data.
        clock: a clock for all servers that can be set back.
        services: how many services there are; more than one are behind nginx, each with a port
            that is closed while it does not run.
    """

    nginx: bool = False
    proxied: bool = False
    standby: bool = False
    small_disk: bool = False
    clock: bool = False
    services: int = 1


class World:
    """All servers of a row; they run during the `with`."""

    def __init__(self, directory: Path, needs: Needs) -> None:
        """Prepare the servers.

        Args:
            directory: an empty directory for all files.
            needs: which servers there are.
        """
        self.directory, self._needs = directory, needs
        self._running = ExitStack()
        self.postgres = Postgres(directory / "postgres", durable=True)
        self.standby = Postgres(directory / "standby", durable=True)
        self.valkey = Valkey(directory / "valkey")
        self.clock: Clock | None = None
        self.proxy: Proxy | None = None
        self.nginx: Nginx | None = None
        self.services: list[Service] = []

    def __enter__(self) -> Self:
        """Start all servers.

        Raises:
            RequirementMissing: this machine lacks something.
        """
        with ExitStack() as starting:
            self._prepare_machine(starting)
            starting.enter_context(self.postgres)
            starting.enter_context(self.valkey)
            migrate(self.postgres.url())
            self.sql("CREATE ROLE service LOGIN")
            self.sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO service")
            if self._needs.standby:
                self._start_standby(starting)
            self.settings = self._settings(starting)
            self._start_services(starting)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all servers."""
        self._running.close()

    def _start_services(self, starting: ExitStack) -> None:
        is_single = self._needs.services == 1
        for _ in range(self._needs.services):
            holds_port = self._needs.nginx and is_single
            service = Service(self.directory, self.settings, holds_port=holds_port)
            self.services.append(starting.enter_context(service))
        if self._needs.nginx:
            ports = [service.port for service in self.services]
            self.nginx = starting.enter_context(Nginx(self.directory, ports))

    def _prepare_machine(self, starting: ExitStack) -> None:
        if self._needs.small_disk:
            starting.enter_context(small_disk(self.postgres.directory, _DISK_MEGABYTES))
        if self._needs.clock:
            self.clock = Clock(self.directory)
            starting.enter_context(self.clock.installed())

    def _settings(self, starting: ExitStack) -> dict[str, object]:
        """Return the service's settings; no rate limit but that of resets can be reached."""
        url = self.postgres.url().replace("app@", "service@")
        if self._needs.standby:
            hosts = ",".join(map(_address, (self.postgres, self.standby)))
            url = f"postgresql://service@{hosts}/progress?target_session_attrs=read-write"
        if self._needs.proxied:
            self.proxy = starting.enter_context(Proxy(free_port(), _socket(self.postgres)))
            url = f"postgresql://service@127.0.0.1:{self.proxy.port}/progress"
        servers = {"DATABASE_URL": url, "RATELIMIT_STORAGE_URI": self.valkey.url}
        unlimited = {f"RATELIMIT_{name}": _UNLIMITED for name in _USED_LIMITS}
        return servers | unlimited | (_BEHIND_NGINX if self._needs.nginx else {})

    @property
    def service(self) -> Service:
        """The first service."""
        return self.services[0]

    @property
    def connect(self) -> Connect:
        """A function that returns a connection to nginx if there is one, or to the service."""
        return self.nginx.connect if self.nginx else self.service.connect

    def sql(self, statement: str) -> Any:
        """Execute a statement as an operator; return the first value of its first row."""
        # An operator can write while the row makes the database read-only.
        options = "-c default_transaction_read_only=off"
        with closing(psycopg2.connect(self.postgres.url(), options=options)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                row = cursor.fetchone() if cursor.description else None
                return row[0] if row else None

    def connections(self) -> int:
        """Return the number of connections from services to PostgreSQL."""
        return int(self.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'service'"))

    def next_version(self) -> Service:
        """Migrate the database for a later version of the service, and return that, not started.

        The later version is this version's code with another migration, which adds a column.
        """
        root = self.directory / "next"
        shutil.copytree(ROOT / "progress_api", root / "progress_api")
        path = root / "progress_api/migrations/versions/progress_9999_note.py"
        path.write_text(_MIGRATION.format(head=head()))
        migrate(self.postgres.url(), root)
        return Service(self.directory, self.settings, root=root)

    def fail_over(self) -> None:
        """Kill the server, promote the standby, and point the proxy to it if there is one."""
        self.postgres.kill()
        self.postgres = self.standby
        self.sql("SELECT pg_promote()")
        if self.proxy:
            self.proxy.target = _socket(self.standby)

    def _start_standby(self, starting: ExitStack) -> None:
        self.standby.directory.mkdir(mode=0o700)
        backup = str(self.postgres.executable.with_name("pg_basebackup"))
        options = ["-D", str(self.standby.data), "-h", str(self.postgres.sockets), "-U", "app"]
        subprocess.run([backup, *options, "-c", "fast", "-R"], check=True, capture_output=True)
        owner = self.postgres.data.stat()
        for path in (self.standby.directory, *self.standby.directory.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        starting.enter_context(self.standby)
        # From now on a commit waits until the standby has it too.
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.sql("SELECT pg_reload_conf()")


def _address(postgres: Postgres) -> str:
    """Return a server as it is written in a list of hosts."""
    parameters = parse_dsn(postgres.url())
    return f"{quote(parameters['host'], safe='')}:{parameters['port']}"


def _socket(postgres: Postgres) -> Path:
    return postgres.sockets / postgres.socket_name
