"""Child processes that end with their parent, and how to end those that did not."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

_SET_PDEATHSIG, _SET_SECUREBITS, _NO_SETUID_FIXUP = 1, 28, 1 << 2
_CAP_AMBIENT, _AMBIENT_RAISE = 47, 2
_CAPABILITY_VERSION_3, _CAP_DAC_READ_SEARCH = 0x20080522, 2
_POLL_SECONDS = 0.02

Process = subprocess.Popen[bytes]


class StartFailed(Exception):
    """A program could not be started; the message is printed to the terminal."""


def spawn(  # noqa: PLR0913 - each is a property of the child
    command: Sequence[str | Path],
    *,
    cwd: Path,
    death_signal: signal.Signals,
    log: Path | None = None,
    owner: tuple[int, int] | None = None,
    inherited: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> Process:
    """Start a child in its own session, so that Ctrl-C in the terminal does not reach it.

    Args:
        command: the program and its arguments.
        cwd: its working directory.
        death_signal: sent to the child when the thread that called this ends (Linux only).
        log: the file that its output is appended to; None for the terminal.
        owner: the user and group id that it runs as; it may still search and read all directories.
        inherited: file descriptors that stay open in the child.
        environment: its environment; None for that of this process.

    Raises:
        StartFailed: this process may not change to the owner.
    """
    prepare = _preparation(os.getpid(), death_signal, owner)
    with ExitStack() as opened:
        output = opened.enter_context(log.open("ab")) if log else None
        try:
            # preexec_fn is unsafe with threads, and the death signal belongs to the calling thread:
            # call this from the main thread.
            return subprocess.Popen(
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output and subprocess.STDOUT,
                start_new_session=True,
                pass_fds=inherited,
                preexec_fn=prepare,  # noqa: PLW1509
            )
        except subprocess.SubprocessError as error:
            raise StartFailed(
                "PostgreSQL does not run as root, and this root cannot become another user (it "
                "lacks SETUID, SETGID, SETPCAP or DAC_READ_SEARCH). Set DATABASE_URL, or run this "
                "as another user."
            ) from error


def end_with_parent(number: signal.Signals) -> None:
    """Get a signal when the parent's thread that started this process ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, number)


def owner_of(directory: Path) -> tuple[int, int] | None:
    """Return the user and group id that a server must run as to use a directory.

    Servers refuse to run as root. A directory that root owns is given to `nobody`.

    Returns:
        None when this process is not root: the server runs as the same user.
    """
    if os.geteuid() != 0:
        return None
    current = directory.stat()
    if current.st_uid == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        return nobody.pw_uid, nobody.pw_gid
    return current.st_uid, current.st_gid


def find_processes(matches: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Return the running processes that match, without this one and those of other users."""
    processes = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and matches(process):
                processes.append(process)
    return processes


def process_tree(process: Process | None) -> list[psutil.Process]:
    """Return a child and all its descendants, the child first; empty when it has ended."""
    if not process or process.poll() is not None:
        return []
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]


def terminate(processes: Sequence[psutil.Process], number: signal.Signals, seconds: float) -> None:
    """Send a signal, and kill the processes that have not ended after some seconds."""
    signal_all(processes, number)
    signal_all(processes, signal.SIGCONT)  # a stopped process would not handle the first signal
    if not _wait(processes, seconds):
        signal_all(processes, signal.SIGKILL)
        _wait(processes, seconds)


def stop(process: Process, number: signal.Signals, seconds: float) -> None:
    """Shut down a child with a signal; after some seconds kill it and all its descendants."""
    tree = process_tree(process)
    signal_all(tree, signal.SIGCONT)
    terminate(tree[:1], number, seconds)
    terminate(tree, signal.SIGKILL, seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its descendants, if it had ended before
    process.wait()


def signal_all(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to the processes that still exist."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs; a zombie does not."""
    # In a bare container process 1 reaps no orphans: they stay zombies.
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _wait(processes: Sequence[psutil.Process], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(is_alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _preparation(
    parent: int, death_signal: signal.Signals, owner: tuple[int, int] | None
) -> Callable[[], None]:
    def prepare() -> None:
        if owner:
            _become(*owner)
        end_with_parent(death_signal)  # last, because a change of user clears it
        if os.getppid() != parent:
            os._exit(1)  # the parent ended before the death signal was set

    return prepare


def _become(user: int, group: int) -> None:
    # Keep CAP_DAC_READ_SEARCH: parent directories may be closed to other users, like those made by
    # `mktemp -d`. Without the secure bit, access(2) would ignore the capability. It permits only
    # searching and reading, so a client of the server cannot write root's files.
    linux = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    failed = linux.prctl(_SET_SECUREBITS, _NO_SETUID_FIXUP, 0, 0, 0) if linux else 0
    os.setgroups([])
    os.setregid(group, group)
    os.setreuid(user, user)
    if linux and (failed or not _keep_only(linux, _CAP_DAC_READ_SEARCH)):
        raise OSError(ctypes.get_errno(), "a capability is missing")


def _keep_only(linux: ctypes.CDLL, capability: int) -> bool:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(*[1 << capability] * 3)
    if linux.capset(header, data):
        return False
    return bool(linux.prctl(_CAP_AMBIENT, _AMBIENT_RAISE, capability, 0, 0) == 0)
