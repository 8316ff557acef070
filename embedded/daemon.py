"""What all servers have in common: start, wait, stop, and break on purpose."""

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from embedded.processes import Process, StartFailed, process_tree, signal_all, stop, terminate

_POLL_SECONDS = 0.02
_KILL_SECONDS = 5.0
_LOG_CHARACTERS = 2000


class Daemon(ABC):
    """A server program that runs as a child of this process.

    Attributes:
        name: what error messages call it.
        log: the file that its output is appended to; None for the terminal.
        stop_signal: shuts it down cleanly; also sent when this process dies (Linux only).
        stop_seconds: how long a clean shutdown may take before the program is killed.
    """

    name: str
    log: Path | None = None
    stop_signal = signal.SIGTERM
    stop_seconds = 5.0
    _process: Process | None = None

    @property
    def process(self) -> Process:
        """The child process, also after it has ended."""
        assert self._process, "not started"
        return self._process

    @property
    def process_id(self) -> int:
        """The id of its first process."""
        return self.process.pid

    def start(self, seconds: float = 60) -> None:
        """Start, and wait until it is ready.

        Args:
            seconds: how long to wait.

        Raises:
            StartFailed: the program ended or is not ready in time; with the end of its log.
        """
        self.launch()
        self.wait_until_ready(seconds)

    def launch(self) -> None:
        """Start its program, which is not ready yet."""
        self._process = self._spawn(self._command())

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Wait until the program that was launched is ready.

        Args:
            seconds: how long to wait.

        Raises:
            StartFailed: the program ended or is not ready in time; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise self._failure()
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Shut down cleanly; kill what still runs after `stop_seconds`."""
        if self._process:
            stop(self._process, self.stop_signal, self.stop_seconds)

    def kill(self) -> None:
        """Kill it and all its children at once, like a power cut."""
        terminate(process_tree(self._process), signal.SIGKILL, _KILL_SECONDS)
        if self._process:
            self._process.wait()

    def pause(self) -> None:
        """Freeze it and its children: connections stay open, but get no response."""
        signal_all(process_tree(self._process), signal.SIGSTOP)

    def resume(self) -> None:
        """Continue after `pause`."""
        signal_all(process_tree(self._process), signal.SIGCONT)

    def __enter__(self) -> Self:
        """Start; when that fails or is interrupted, stop."""
        with ExitStack() as started:
            started.callback(self.stop)
            self.start()
            started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @abstractmethod
    def _command(self) -> Sequence[str | Path]: ...

    @abstractmethod
    def _spawn(self, command: Sequence[str | Path]) -> Process: ...

    @abstractmethod
    def _is_ready(self) -> bool: ...

    def _failure(self) -> StartFailed:
        if not self.log:
            return StartFailed(f"{self.name} did not start; its output is above.")
        tail = self.log.read_text(errors="replace")[-_LOG_CHARACTERS:].strip()
        return StartFailed(f"{self.name} did not start. Its log ends with:\n{tail}")
