"""What PostgreSQL and Valkey have in common: a directory, a socket in it, a life."""

import os
import shutil
import signal
import tempfile
import time
import weakref
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

import psutil

from embedded.processes import (
    Process,
    StartFailed,
    end,
    family,
    leftovers,
    owner_of,
    signal_all,
    spawn,
    stop,
)

# A socket's path may have 104 bytes on macOS and 108 on Linux, the final NUL included.
_SOCKET_PATH_BYTES = 100


class Server(ABC):
    """One server on one directory: started, stopped, and broken on purpose."""

    executable: Path
    socket_name: str
    stops_by: signal.Signals

    def __init__(self, directory: Path) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            directory: where its data, log and socket are; made when missing, private.
        """
        self.directory = directory.resolve()
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.sockets = self.directory
        self._process: Process | None = None
        path = str(self.directory / self.socket_name)
        if len(os.fsencode(path)) > _SOCKET_PATH_BYTES or "," in path:  # libpq splits at commas
            self.sockets = Path(tempfile.mkdtemp(prefix="progress-"))
            weakref.finalize(self, _remove, self.sockets, os.getpid())

    @property
    def process_id(self) -> int:
        """Of the first of its processes, while it runs."""
        assert self._process, "not started"
        return self._process.pid

    def start(self, seconds: float = 60) -> None:
        """Start and wait until it answers; end first what a killed run left on the directory.

        Args:
            seconds: how long to wait; recovery after a crash takes a while.

        Raises:
            StartFailed: with the end of its log.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_leftovers()
        self.log.unlink(missing_ok=True)
        self._prepare()
        self._process = self._spawn(self._command())
        self._await_answer(time.monotonic() + seconds)

    def stop(self, seconds: float = 5) -> None:
        """Stop in good order; kill what still runs after some seconds."""
        if self._process:
            stop(self._process, self.stops_by, seconds)

    def kill(self) -> None:
        """End it and all its children at once, as a power cut would."""
        end(family(self._process), signal.SIGKILL, 5)
        if self._process:
            self._process.wait()

    def pause(self) -> None:
        """Stop it and its children in the middle of what they do: it hangs, and refuses nothing."""
        signal_all(family(self._process), signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        signal_all(family(self._process), signal.SIGCONT)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @abstractmethod
    def _prepare(self) -> None: ...

    @abstractmethod
    def _command(self) -> list[str | Path]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    def _spawn(self, command: list[str | Path]) -> Process:
        owner = owner_of(self.directory)
        if owner:
            os.chown(self.sockets, *owner)
        with self.log.open("ab") as log:
            return spawn(command, cwd=self.directory, dies_by=self.stops_by, log=log, owner=owner)

    def _await_answer(self, deadline: float) -> None:
        while not self._answers():
            if not self._process or self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise self._failure()
            time.sleep(0.02)

    def _failure(self) -> StartFailed:
        tail = self.log.read_text(errors="replace")[-2000:].strip()
        return StartFailed(f"{self.executable.name} did not start; its log ends:\n{tail}")

    def _end_leftovers(self) -> None:
        found = leftovers(self._is_ours)
        # PostgreSQL's children have other titles, and read its signals in ways of their own.
        heads = [process for process in found if str(self.data) in process.cmdline()]
        signal_all(found, signal.SIGCONT)
        end(heads, self.stops_by, 10)
        end(found, signal.SIGKILL, 5)

    def _is_ours(self, process: psutil.Process) -> bool:
        # By its directory, never by a file with a process id: another process may have that id now.
        return process.name() == self.executable.name and process.cwd() == str(self.data)


def _remove(directory: Path, process_id: int) -> None:
    if os.getpid() == process_id:  # a forked child that exits leaves its parent's directory alone
        shutil.rmtree(directory, ignore_errors=True)
