"""Child processes that end with their parent, and what a killed parent left running."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

_SET_PDEATHSIG, _SET_SECUREBITS, _NO_SETUID_FIXUP = 1, 28, 1 << 2
_CAP_AMBIENT, _AMBIENT_RAISE = 47, 2
_CAPABILITY_VERSION_3, _CAP_DAC_READ_SEARCH = 0x20080522, 2
_POLL_SECONDS = 0.02

Process = subprocess.Popen[bytes]


class StartFailed(Exception):
    """Something that was to be started is not running; the message is one for the terminal."""


def spawn(  # noqa: PLR0913 - each is something that a child may be given
    command: Sequence[str | Path],
    *,
    cwd: Path,
    dies_by: signal.Signals,
    log: IO[bytes] | None = None,
    owner: tuple[int, int] | None = None,
    inherits: Sequence[int] = (),
) -> Process:
    """Start a child in a session of its own, so that a terminal's Ctrl-C does not reach it.

    Args:
        command: the program and its arguments.
        cwd: the directory it runs in; `leftovers` finds servers by it.
        dies_by: the signal it gets when the thread that called this ends (Linux only).
        log: where its output goes; the terminal when not given.
        owner: user and group id to become, keeping the right to pass closed directories.
        inherits: further files that stay open in it, by their numbers.

    Raises:
        StartFailed: when this process may not become the owner.
    """
    ready = _preparation(os.getpid(), dies_by, owner)
    try:
        # preexec_fn is unsafe among threads, and PDEATHSIG needs the main one: call from there.
        return subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log and subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherits,
            preexec_fn=ready,  # noqa: PLW1509
        )
    except subprocess.SubprocessError as error:
        raise StartFailed(
            "PostgreSQL does not run as root, and this root may not become another user (it lacks "
            "SETUID, SETGID, SETPCAP or DAC_READ_SEARCH): give DATABASE_URL, or use another user."
        ) from error


def end_with_parent(number: signal.Signals) -> None:
    """Have this process sent a signal when its parent's thread ends; nothing but on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, number)


def owner_of(directory: Path) -> tuple[int, int] | None:
    """Whom a server that refuses root must become to use its directory; None for no change.

    A new directory (root's own, as yet) is handed to nobody.
    """
    if os.geteuid() != 0:
        return None
    now = directory.stat()
    if now.st_uid == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        return nobody.pw_uid, nobody.pw_gid
    return now.st_uid, now.st_gid


def leftovers(is_ours: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Running processes that match; one that may not be looked at is not ours."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and is_ours(process):
                found.append(process)
    return found


def end(processes: Sequence[psutil.Process], number: signal.Signals, seconds: float) -> None:
    """Ask processes to end, and kill after some seconds those that have not."""
    signal_all(processes, number)
    signal_all(processes, signal.SIGCONT)  # a stopped process would never see the first
    if not _wait(processes, seconds):
        signal_all(processes, signal.SIGKILL)
        _wait(processes, seconds)


def family(process: Process | None) -> list[psutil.Process]:
    """A child of ours and all below it, the child first; empty when it has ended."""
    if not process or process.poll() is not None:
        return []
    head = psutil.Process(process.pid)
    return [head, *head.children(recursive=True)]


def stop(process: Process, number: signal.Signals, seconds: float) -> None:
    """End a child of ours in good order, and kill what is left of it after some seconds."""
    members = family(process)
    signal_all(members, signal.SIGCONT)
    end(members[:1], number, seconds)
    end(members, signal.SIGKILL, seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its children, when it was dead before
    process.wait()


def signal_all(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _wait(processes: Sequence[psutil.Process], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(_alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _alive(process: psutil.Process) -> bool:
    # Where process 1 reaps nothing, as in a bare container, an orphan stays a zombie for ever.
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _preparation(
    parent: int, dies_by: signal.Signals, owner: tuple[int, int] | None
) -> Callable[[], None]:
    def prepare() -> None:
        if owner:
            _become(*owner)
        end_with_parent(dies_by)  # last: a change of user clears it
        if os.getppid() != parent:
            os._exit(1)  # the parent ended before the line above

    return prepare


def _become(user: int, group: int) -> None:
    # Without one right of root's it could not pass a directory above it that is closed to others,
    # as one by `mktemp -d` is; without the secure bit access(2) would not count that right. It is
    # the one to search and to read, so that whoever reaches the server writes nothing of root's.
    linux = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    refused = linux.prctl(_SET_SECUREBITS, _NO_SETUID_FIXUP, 0, 0, 0) if linux else 0
    os.setgroups([])
    os.setregid(group, group)
    os.setreuid(user, user)
    if linux and (refused or not _keep_only(linux, _CAP_DAC_READ_SEARCH)):
        raise OSError(ctypes.get_errno(), "a capability is missing")


def _keep_only(linux: ctypes.CDLL, capability: int) -> bool:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(*[1 << capability] * 3)
    if linux.capset(header, data):
        return False
    return bool(linux.prctl(_CAP_AMBIENT, _AMBIENT_RAISE, capability, 0, 0) == 0)
