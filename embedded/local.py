"""What a clone keeps in .local/: data, a secret, and the lock of whoever uses them."""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from embedded.postgres import Postgres
from embedded.processes import StartFailed
from embedded.server import Server
from embedded.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
_LOCK = LOCAL / "lock"
_WAIT_SECONDS = 60
_KEYS = ("JWT_SECRET_KEY", "JWT_PUBLIC_KEY", "JWT_JWKS_URL")


def postgres() -> Postgres:
    """The clone's own PostgreSQL."""
    return Postgres(LOCAL / "postgres", durable=True)


def key(environment: Mapping[str, str]) -> dict[str, str]:
    """The variable with the clone's own secret, made once; none where a key is given."""
    if any(environment.get(name) for name in _KEYS):
        return {}
    path = LOCAL / "jwt_secret"
    LOCAL.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f"jwt_secret.{os.getpid()}")
        fresh.touch(mode=0o600)  # before the secret is in it
        fresh.write_text(secrets.token_urlsafe(48))
        fresh.rename(path)
    return {"JWT_SECRET_KEY": path.read_text()}


def needed(environment: Mapping[str, str]) -> tuple[list[Server], dict[str, str]]:
    """The servers that the environment does not name, not yet running, and their variables."""
    servers: list[Server] = []
    variables = {}
    if not environment.get("DATABASE_URL"):
        database = postgres()
        servers.append(database)
        variables["DATABASE_URL"] = database.url()
    if not environment.get("RATELIMIT_STORAGE_URI"):
        store = Valkey(LOCAL / "valkey")
        servers.append(store)
        variables["RATELIMIT_STORAGE_URI"] = store.url
    return servers, variables


class InUse(Exception):
    """The service of this clone is running, and this is what it told of itself."""

    def __init__(self, address: str, database_url: str) -> None:
        """Keep both.

        Args:
            address: where it serves.
            database_url: of the clone's own database; empty when it uses another.
        """
        super().__init__(f"The service is already running here, at {address}.")
        self.database_url = database_url


@contextmanager
def alone() -> Iterator[TextIO]:
    """Hold the clone; what is written to the file is told to whoever comes meanwhile.

    Raises:
        InUse: when the service has it.
        StartFailed: when another command has it for more than a minute.
    """
    LOCAL.mkdir(mode=0o700, exist_ok=True)
    with _LOCK.open("a+") as lock:
        _take(lock)
        try:
            yield lock
        finally:
            lock.truncate(0)


def tell(lock: TextIO, address: str, database_url: str) -> None:
    """Let others know that the service runs now."""
    print(address, database_url, sep="\n", file=lock, flush=True)


def _take(lock: TextIO) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if told := _LOCK.read_text().splitlines():
                raise InUse(*told) from None
            time.sleep(0.1)  # it is starting, or a command that will soon be over
        else:
            lock.truncate(0)  # a service that was killed left its lines
            return
    raise StartFailed(
        f"Another command has been using {_LOCK} for {_WAIT_SECONDS} s; end it first."
    )
