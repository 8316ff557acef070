"""The files in which worker processes count, so that one scrape returns the counts of all of them.

prometheus_client maps each file into memory. Without the directory a worker could not start, and a
page that the disk has no room for would end it (SIGBUS). So a file gets its room here before it is
mapped. What finds no room is counted in the worker's memory, and a metric reports the worker.
"""

import logging
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from prometheus_client import Metric, values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

_KINDS = ("counter", "histogram", "gauge_livesum", "gauge_livemostrecent")
_ROOM = 1 << 17  # bytes of a new file; prometheus_client doubles a file that is full
_ENTRY = 40  # bytes, at most, of a number without its name
_USED = struct.Struct("i")  # how many bytes are in use, at the start of a file
# Which of these prometheus_client raises depends on what a damaged file happens to contain.
_DAMAGED = (
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    AttributeError,
    MemoryError,
    struct.error,
)
_log = logging.getLogger("gunicorn.error")


class Counters:
    """The directory of these files, as gunicorn's master and its workers use it."""

    def __init__(self, directory: Path, *, is_private: bool) -> None:
        """Count in memory until a worker calls `share`.

        Args:
            directory: the one that PROMETHEUS_MULTIPROC_DIR names; it need not exist.
            is_private: whether it may belong to this service's user only.
        """
        self._directory = directory
        self._is_private = is_private
        self._files: dict[str, int] = {}
        self._is_reported = False
        self._lock = Lock()
        # The library makes each number by calling this name. A process that loads the app without
        # being a worker (--check-config, --preload) counts in memory and needs no directory.
        if not isinstance(values.ValueClass, list):  # after a SIGHUP a preloaded app is still there
            values.ValueClass = _EarlyValues()

    def share(self, user: int, group: int) -> None:
        """Count in files from now on; to be called in each worker, before it loads the app.

        Args:
            user: the id of the user that the worker is going to run as.
            group: the id of that user's group.
        """
        try:
            self._make_directory(user, group)
        except OSError as error:
            self._report(error)
            return
        self._mapped = values.MultiProcessValue()  # type: ignore[no-untyped-call]
        early, values.ValueClass = values.ValueClass, self._shared_value
        for value in early:
            value.move()

    def forget(self, worker: int) -> None:
        """Keep what a worker has counted, and give back the rest of the room that it reserved.

        Args:
            worker: the id of the process, which has ended.
        """
        for kind in _KINDS:
            file = self._directory / f"{kind}_{worker}.db"
            with suppress(OSError, struct.error), file.open("r+b") as opened:
                (used,) = _USED.unpack(opened.read(_USED.size))
                opened.truncate(min(used, file.stat().st_size))

    def clear(self) -> None:
        """Remove what an earlier run has counted, which would be added to this one's."""
        for left in self._directory.glob("*.db"):
            with suppress(OSError):
                left.unlink()

    def _make_directory(self, user: int, group: int) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            owner = self._directory.stat().st_uid
            if self._is_private and owner not in {user, os.geteuid()}:
                raise PermissionError("It belongs to another user.") from None
        else:
            os.chown(self._directory, user, group)

    def _shared_value(self, *made_of: Any, **options: Any) -> Any:
        kind = "_".join(filter(None, (made_of[0], options.get("multiprocess_mode"))))
        needed = len(mmap_key(*made_of[1:]).encode()) + _ENTRY
        with self._lock:
            try:
                self._make_room(kind, needed)
                return self._mapped(*made_of, **options)
            except (OSError, *_DAMAGED) as error:
                self._report(error)
                return _in_memory(*made_of, **options)

    def _make_room(self, kind: str, needed: int) -> None:
        """Reserve what one more number needs, before the library maps or doubles the file."""
        if kind not in self._files:
            path = self._directory / f"{kind}_{os.getpid()}.db"
            self._files[kind] = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        file, room = self._files[kind], _ROOM
        length = os.fstat(file).st_size
        used = _USED.unpack(os.pread(file, _USED.size, 0))[0] if length else 0
        while room < max(length, used + needed):
            room *= 2
        if room > length:
            os.posix_fallocate(file, 0, room)

    def _report(self, error: Exception) -> None:
        if not self._is_reported:
            self._is_reported = True
            _log.warning("no room for counters in %s: %s", self._directory, error)


class _EarlyValues(list["_EarlyValue"]):
    """Makes numbers, and knows them all."""

    def __call__(self, *made_of: Any, **options: Any) -> "_EarlyValue":
        self.append(_EarlyValue(*made_of, **options))
        return self[-1]


class _EarlyValue:
    """A number that is kept in memory until it is moved."""

    def __init__(self, *made_of: Any, **options: Any) -> None:
        self._made_of, self._options = made_of, options
        self._keep_in(_in_memory(*made_of, **options))

    def move(self) -> None:
        """Keep it where the library keeps numbers now."""
        so_far = self.get()
        self._keep_in(values.ValueClass(*self._made_of, **self._options))
        self.set(so_far)

    def _keep_in(self, value: Any) -> None:
        self.inc, self.set, self.get = value.inc, value.set, value.get
        self.set_exemplar, self.get_exemplar = value.set_exemplar, value.get_exemplar


class CountersCollector:
    """What all workers have counted, and how many of the workers are missing in it."""

    def __init__(self, directory: Path, workers: Callable[[], Iterable[int]]) -> None:
        """Read nothing yet.

        Args:
            directory: of the files; it need not exist.
            workers: returns the ids of the processes that should count there.
        """
        self._directory = directory
        self._workers = workers
        self._logged: set[Path] = set()

    def collect(self) -> Iterator[Metric]:
        """Add up the files, without those that are empty or damaged."""
        files = [*self._directory.glob("*.db")]
        try:
            metrics = _added_up(files)
        except (OSError, *_DAMAGED):
            files = [file for file in files if self._is_readable(file)]
            metrics = _added_up(files)
        yield from metrics
        without = [one for one in self._workers() if not self._files_of(one) <= {*files}]
        yield GaugeMetricFamily(
            "progress_workers_without_counters",
            "Workers whose requests are not, or not completely, in these metrics",
            len(without),
        )

    def _files_of(self, worker: int) -> set[Path]:
        return {self._directory / f"{kind}_{worker}.db" for kind in _KINDS}

    def _is_readable(self, file: Path) -> bool:
        try:
            if not file.stat().st_size:  # it is being made, or there was no room for it
                return False
            _added_up([file])
        except FileNotFoundError:  # the file of a gauge is removed with its worker
            return False
        except (OSError, *_DAMAGED) as error:
            if file not in self._logged:
                self._logged.add(file)
                _log.warning("counters in %s cannot be read: %r", file, error)
            return False
        return True


def _in_memory(*made_of: Any, **options: Any) -> Any:
    return values.MutexValue(*made_of, **options)  # type: ignore[no-untyped-call]


def _added_up(files: Iterable[Path]) -> Iterable[Metric]:
    metrics = MultiProcessCollector.merge([str(file) for file in files])  # type: ignore[no-untyped-call]
    return list(metrics)
