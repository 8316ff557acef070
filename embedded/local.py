"""The directory .local of a checkout: its databases, its secret, and a lock on them."""

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
    """Return this checkout's PostgreSQL, not started."""
    return Postgres(LOCAL / "postgres", durable=True)


def jwt_secret(environment: Mapping[str, str]) -> dict[str, str]:
    """Return JWT_SECRET_KEY with this checkout's secret, which is generated once.

    Returns:
        An empty dict when the environment sets a key.
    """
    if any(environment.get(name) for name in _KEYS):
        return {}
    path = LOCAL / "jwt_secret"
    LOCAL.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        new = path.with_name(f"jwt_secret.{os.getpid()}")
        new.touch(mode=0o600)  # private before the secret is written
        new.write_text(secrets.token_urlsafe(48))
        new.rename(path)
    return {"JWT_SECRET_KEY": path.read_text()}


def missing_servers(environment: Mapping[str, str]) -> tuple[list[Server], dict[str, str]]:
    """Return the servers that the environment does not set, and the settings that point to them.

    Returns:
        The servers, not started, and their DATABASE_URL and RATELIMIT_STORAGE_URI.
    """
    servers: list[Server] = []
    settings = {}
    if not environment.get("DATABASE_URL"):
        database = postgres()
        servers.append(database)
        settings["DATABASE_URL"] = database.url()
    if not environment.get("RATELIMIT_STORAGE_URI"):
        store = Valkey(LOCAL / "valkey")
        servers.append(store)
        settings["RATELIMIT_STORAGE_URI"] = store.url
    return servers, settings


class AlreadyRunning(Exception):
    """The service of this checkout is running."""

    def __init__(self, url: str, database_url: str) -> None:
        """Create the error.

        Args:
            url: of the running service.
            database_url: of this checkout's PostgreSQL; empty when the service uses another one.
        """
        super().__init__(f"The service is already running at {url}.")
        self.database_url = database_url


@contextmanager
def lock_checkout() -> Iterator[TextIO]:
    """Lock this checkout; yield the lock file, for `announce`.

    Raises:
        AlreadyRunning: the service is running.
        StartFailed: another command has held the lock for a minute.
    """
    LOCAL.mkdir(mode=0o700, exist_ok=True)
    with _LOCK.open("a+") as lock:
        _acquire(lock)
        try:
            yield lock
        finally:
            lock.truncate(0)


def announce(lock: TextIO, url: str, database_url: str) -> None:
    """Write where the service runs into the lock file; other commands then get AlreadyRunning."""
    print(url, database_url, sep="\n", file=lock, flush=True)


def _acquire(lock: TextIO) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if announcement := _LOCK.read_text().splitlines():
                raise AlreadyRunning(*announcement) from None
            time.sleep(0.1)  # the service is starting, or another command will end soon
        else:
            lock.truncate(0)  # a killed service left its announcement
            return
    raise StartFailed(
        f"Another command has been using {_LOCK} for {_WAIT_SECONDS} s. End it and try again."
    )
