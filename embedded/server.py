"""What PostgreSQL and Valkey have in common: one directory with the data, the log and a socket."""

import os
import shutil
import signal
import tempfile
import weakref
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import psutil

from embedded.daemon import Daemon
from embedded.processes import (
    Process,
    find_processes,
    owner_of,
    signal_all,
    spawn,
    terminate,
)

# The path of a socket may have 104 bytes on macOS and 108 on Linux, including the final NUL.
_SOCKET_PATH_BYTES = 100


class Server(Daemon):
    """A server that owns a directory.

    Attributes:
        executable: the program.
        socket_name: the file name of its Unix socket.
    """

    executable: Path
    socket_name: str
    log: Path

    def __init__(self, directory: Path) -> None:
        """Prepare; `start` starts it.

        Args:
            directory: holds its data, log and socket; created as private when missing.
        """
        self.name = self.executable.name
        self.directory = directory.resolve()
        self.data = self.directory / "data"
        self.log = self.directory / "log"
        self.sockets = self.directory
        path = str(self.directory / self.socket_name)
        if len(os.fsencode(path)) > _SOCKET_PATH_BYTES or "," in path:  # libpq splits at commas
            self.sockets = Path(tempfile.mkdtemp(prefix="progress-"))
            weakref.finalize(self, _remove, self.sockets, os.getpid())

    def start(self, seconds: float = 60) -> None:
        """Start, and wait until it is ready; first end what a killed run left in the directory.

        Args:
            seconds: how long to wait; recovery after a crash takes a while.

        Raises:
            StartFailed: the program ended or is not ready in time; with the end of its log.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_leftovers()
        self.log.unlink(missing_ok=True)
        self._prepare()
        super().start(seconds)

    @abstractmethod
    def _prepare(self) -> None:
        """Create what the program needs in its directory."""

    def _spawn(self, command: Sequence[str | Path]) -> Process:
        owner = owner_of(self.directory)
        if owner:
            os.chown(self.sockets, *owner)
        return spawn(
            command,
            cwd=self.directory,
            death_signal=self.stop_signal,
            log=self.log,
            owner=owner,
        )

    def _end_leftovers(self) -> None:
        leftovers = find_processes(self._is_leftover)
        # PostgreSQL's child processes change their command lines and react to signals differently.
        mains = [process for process in leftovers if str(self.data) in process.cmdline()]
        signal_all(leftovers, signal.SIGCONT)
        terminate(mains, self.stop_signal, 10)
        terminate(leftovers, signal.SIGKILL, 5)

    def _is_leftover(self, process: psutil.Process) -> bool:
        # Compare directories: a process id from a file may belong to another process by now.
        return process.name() == self.executable.name and process.cwd() == str(self.data)


def _remove(directory: Path, process_id: int) -> None:
    if os.getpid() == process_id:  # a forked child must not remove its parent's directory
        shutil.rmtree(directory, ignore_errors=True)
