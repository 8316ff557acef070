"""Keep the counters of worker processes in files, so that one scrape returns their sum (spec 9.3).

prometheus_client maps each file into memory. Without the directory a worker could not start, and a
page for which the disk has no space would kill it (SIGBUS). So disk space is reserved here before a
file is mapped. Without space a worker counts in its own memory, and a metric reports the worker.
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

from progress_api.monitoring.leftovers import hold

_KINDS = ("counter", "histogram", "gauge_livesum", "gauge_livemostrecent")
_ROOM = 1 << 17  # bytes of a new file; prometheus_client doubles a file that is full
_ENTRY = 40  # most bytes of an entry besides its key
_USED = struct.Struct("i")  # number of bytes in use, at the start of a file
# prometheus_client raises one of these for a damaged file, depending on its content.
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
    """The directory of these files, for gunicorn's master and its workers."""

    def __init__(self, directory: Path, *, is_private: bool) -> None:
        """Count in memory until a worker calls `share`.

        Args:
            directory: the directory of PROMETHEUS_MULTIPROC_DIR; it need not exist.
            is_private: whether the directory must belong to the user of this service.
        """
        self._directory = directory
        self._is_private = is_private
        self._files: dict[str, int] = {}
        self._is_reported = False
        self._lock = Lock()
        # prometheus_client creates each value by calling this name. A process that loads the app
        # but is no worker (--check-config, --preload) counts in memory and needs no directory.
        if not isinstance(values.ValueClass, list):  # a preloaded app survives a SIGHUP
            values.ValueClass = _EarlyValues()

    def share(self, user: int, group: int) -> None:
        """Count in files from now on; each worker calls this before it loads the app.

        Args:
            user: id of the user that the worker will run as.
            group: id of that user's group.
        """
        try:
            self.make_directory(user, group)
        except OSError as error:
            self._report(error)
            return
        self._mapped = values.MultiProcessValue()  # type: ignore[no-untyped-call]
        early, values.ValueClass = values.ValueClass, self._shared_value
        for value in early:
            value.move()

    def forget(self, worker: int) -> None:
        """Keep the counts of a worker, and release the unused disk space of its files.

        Args:
            worker: id of the process, which has ended.
        """
        for kind in _KINDS:
            file = self._directory / f"{kind}_{worker}.db"
            with suppress(OSError, struct.error), file.open("r+b") as opened:
                (used,) = _USED.unpack(opened.read(_USED.size))
                opened.truncate(min(used, file.stat().st_size))

    def clear(self) -> None:
        """Remove the files of an earlier run, whose counts would be added to the new ones."""
        for file in self._directory.glob("*.db"):
            with suppress(OSError):
                file.unlink()

    def make_directory(self, user: int, group: int) -> None:
        """Make the directory if it is missing, and hold it if it is private.

        Args:
            user: id of the user that the workers will run as.
            group: id of that user's group.

        Raises:
            OSError: it cannot be made, or a private one belongs to another user.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            owner = self._directory.stat().st_uid
            if self._is_private and owner not in {user, os.geteuid()}:
                raise PermissionError("It belongs to another user.") from None
        else:
            os.chown(self._directory, user, group)
        if self._is_private:
            hold(self._directory)

    def _shared_value(self, *arguments: Any, **options: Any) -> Any:
        kind = "_".join(filter(None, (arguments[0], options.get("multiprocess_mode"))))
        needed = len(mmap_key(*arguments[1:]).encode()) + _ENTRY
        with self._lock:
            try:
                self._make_room(kind, needed)
                return self._mapped(*arguments, **options)
            except (OSError, *_DAMAGED) as error:
                self._report(error)
                return _in_memory(*arguments, **options)

    def _make_room(self, kind: str, needed: int) -> None:
        """Reserve disk space for a value, before prometheus_client maps or doubles the file."""
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
    """Creates values, and lists them."""

    def __call__(self, *arguments: Any, **options: Any) -> "_EarlyValue":
        self.append(_EarlyValue(*arguments, **options))
        return self[-1]


class _EarlyValue:
    """A value in memory, until `move` is called."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._arguments, self._options = arguments, options
        self._keep_in(_in_memory(*arguments, **options))

    def move(self) -> None:
        """Move to where prometheus_client keeps values now."""
        value = self.get()
        self._keep_in(values.ValueClass(*self._arguments, **self._options))
        self.set(value)

    def _keep_in(self, value: Any) -> None:
        self.inc, self.set, self.get = value.inc, value.set, value.get
        self.set_exemplar, self.get_exemplar = value.set_exemplar, value.get_exemplar


class CountersCollector:
    """Collects the counts of all workers, and the number of workers that are missing."""

    def __init__(self, directory: Path, workers: Callable[[], Iterable[int]]) -> None:
        """Set up the collector.

        Args:
            directory: directory of the files; it need not exist.
            workers: returns the process ids of the workers that should have files.
        """
        self._directory = directory
        self._workers = workers
        self._logged: set[Path] = set()

    def collect(self) -> Iterator[Metric]:
        """Add up the files, except empty and damaged files."""
        files = [*self._directory.glob("*.db")]
        try:
            metrics = _sum_of(files)
        except (OSError, *_DAMAGED):
            files = [file for file in files if self._is_readable(file)]
            metrics = _sum_of(files)
        yield from metrics
        missing = [pid for pid in self._workers() if not self._files_of(pid) <= {*files}]
        yield GaugeMetricFamily(
            "progress_workers_without_counters",
            "Workers whose requests are missing from these metrics, wholly or in part",
            len(missing),
        )

    def _files_of(self, worker: int) -> set[Path]:
        return {self._directory / f"{kind}_{worker}.db" for kind in _KINDS}

    def _is_readable(self, file: Path) -> bool:
        try:
            if not file.stat().st_size:  # just created, or the disk was full
                return False
            _sum_of([file])
        except FileNotFoundError:  # the files of gauges are removed when a worker ends
            return False
        except (OSError, *_DAMAGED) as error:
            if file not in self._logged:
                self._logged.add(file)
                _log.warning("counters in %s cannot be read: %r", file, error)
            return False
        return True


def _in_memory(*arguments: Any, **options: Any) -> Any:
    return values.MutexValue(*arguments, **options)  # type: ignore[no-untyped-call]


def _sum_of(files: Iterable[Path]) -> Iterable[Metric]:
    metrics = MultiProcessCollector.merge([str(file) for file in files])  # type: ignore[no-untyped-call]
    return list(metrics)
