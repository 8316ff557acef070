"""Real servers for one row of the table: PostgreSQL with fsync on, Valkey, gunicorn."""

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg2

from bench.ground import ROOT, migrate, with_only
from chaos.client import Connect
from chaos.world.machine import Clock, NotHere, free_port, small_disk
from chaos.world.nginx import Nginx
from chaos.world.proxy import Proxy
from chaos.world.service import CONNECTIONS, Service
from embedded import Postgres, Valkey
from progress_api.schema.migrate import head

__all__ = ["CONNECTIONS", "Needs", "NotHere", "Service", "World"]

_MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision, down_revision = "progress_9999", "{head}"


def upgrade():
    note = sa.Column("note", sa.Text(), nullable=False, server_default="")
    op.add_column("tutorial_progress", note)
"""
_UNLIMITED = "100000000/minute"
_DISK_MEGABYTES = 128
_BEHIND_NGINX = {"TRUSTED_PROXIES": 1, "REQUIRE_HTTPS": "true"}


@dataclass(frozen=True)
class Needs:
    """What a row has beside PostgreSQL, Valkey and gunicorn.

    Args:
        nginx: as it is documented, before a service whose port is held for it.
        proxied: the small proxy before PostgreSQL.
        standby: a second PostgreSQL that has everything that was acknowledged by the first.
        small_disk: for PostgreSQL's data.
        clock: one that can be set, for all servers.
    """

    nginx: bool = False
    proxied: bool = False
    standby: bool = False
    small_disk: bool = False
    clock: bool = False


class World:
    """All servers of a row, from the start of the `with` until its end."""

    def __init__(self, directory: Path, needs: Needs) -> None:
        """Prepare.

        Args:
            directory: where everything is kept; empty.
            needs: what there is.
        """
        self.directory, self._needs = directory, needs
        self._running = ExitStack()
        self.postgres = Postgres(directory / "postgres", durable=True)
        self.standby = Postgres(directory / "standby", durable=True)
        self.valkey = Valkey(directory / "valkey")
        self.clock: Clock | None = None
        self.proxy: Proxy | None = None
        self.nginx: Nginx | None = None

    def __enter__(self) -> Self:
        """Start all.

        Raises:
            NotHere: this machine lacks something.
        """
        with ExitStack() as starting:
            self._set_stage(starting)
            starting.enter_context(self.postgres)
            starting.enter_context(self.valkey)
            migrate(self.postgres.url())
            self.sql("CREATE ROLE service LOGIN")
            self.sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO service")
            if self._needs.standby:
                self._start_standby(starting)
            self.settings = self._settings(starting)
            service = Service(self.directory, self.settings, held=self._needs.nginx)
            self.service = starting.enter_context(service)
            if self._needs.nginx:
                self.nginx = starting.enter_context(Nginx(self.directory, self.service.port))
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all."""
        self._running.close()

    def _set_stage(self, starting: ExitStack) -> None:
        if self._needs.small_disk:
            starting.enter_context(small_disk(self.postgres.directory, _DISK_MEGABYTES))
        if self._needs.clock:
            self.clock = Clock(self.directory)
            starting.enter_context(self.clock.kept())

    def _settings(self, starting: ExitStack) -> dict[str, object]:
        """Those of a service: the limits are out of reach, but for that of resets."""
        url = self.postgres.url().replace("app@", "service@")
        if self._needs.proxied:
            self.proxy = starting.enter_context(Proxy(free_port(), _socket(self.postgres)))
            url = f"postgresql://service@127.0.0.1:{self.proxy.port}/progress"
        unlimited = {f"RATELIMIT_{name}": _UNLIMITED for name in ("GET", "CHAPTER", "QUIZ")}
        named = {"DATABASE_URL": url, "RATELIMIT_STORAGE_URI": self.valkey.url}
        return named | unlimited | (_BEHIND_NGINX if self._needs.nginx else {})

    @property
    def connect(self) -> Connect:
        """To what the clients speak to."""
        return self.nginx.connect if self.nginx else self.service.connect

    def sql(self, statement: str) -> Any:
        """Run a statement as an operator would; return the first value of its first row."""
        # Whatever the default is, an operator writes.
        options = "-c default_transaction_read_only=off"
        with closing(psycopg2.connect(self.postgres.url(), options=options)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                row = cursor.fetchone() if cursor.description else None
                return row[0] if row else None

    def connections(self) -> int:
        """Return how many connections of services PostgreSQL has."""
        return int(self.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'service'"))

    def next_version(self) -> Service:
        """Migrate the database to what a later version needs, and return that; it is not started.

        It is this version's code with a migration more, which adds a column with a default.
        """
        root = self.directory / "next"
        shutil.copytree(ROOT / "progress_api", root / "progress_api")
        path = root / "progress_api/migrations/versions/progress_9999_note.py"
        path.write_text(_MIGRATION.format(head=head()))
        migrate = [sys.executable, "-m", "flask", "--app", "progress_api", "progress", "migrate"]
        command = [*with_only({"DATABASE_URL": self.postgres.url()}), *migrate]
        subprocess.run(command, cwd=root, check=True, capture_output=True)
        return Service(self.directory, self.settings, root=root)

    def fail_over(self) -> None:
        """Lose the server, promote the standby, and have the address lead there."""
        assert self.proxy
        self.postgres.kill()
        self.postgres = self.standby
        self.sql("SELECT pg_promote()")
        self.proxy.target = _socket(self.standby)

    def _start_standby(self, starting: ExitStack) -> None:
        self.standby.directory.mkdir(mode=0o700)
        copy = str(self.postgres.executable.with_name("pg_basebackup"))
        given = ["-D", str(self.standby.data), "-h", str(self.postgres.sockets), "-U", "app"]
        subprocess.run([copy, *given, "-c", "fast", "-R"], check=True, capture_output=True)
        owner = self.postgres.data.stat()
        for path in (self.standby.directory, *self.standby.directory.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        starting.enter_context(self.standby)
        # From now on nothing is acknowledged that only one of them has.
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.sql("SELECT pg_reload_conf()")


def _socket(postgres: Postgres) -> Path:
    return postgres.sockets / postgres.socket_name
