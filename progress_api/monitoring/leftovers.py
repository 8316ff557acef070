"""Know which directories of counters are in use, and remove the others (spec 9.3).

A killed process removes nothing, but the kernel ends its locks: a directory without a lock is not
in use. A process id in the name would show less: ids are reused, and containers that share the
directory for temporary files have the same ones.
"""

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def hold(directory: Path) -> None:
    """Lock a directory until this process and all that it has forked have ended.

    Args:
        directory: any number of processes may hold it.

    Raises:
        OSError: it cannot be opened or locked.
    """
    fcntl.flock(os.open(directory, _OPEN), fcntl.LOCK_SH | fcntl.LOCK_NB)


def remove_unused(parent: Path, prefix: str, user: int) -> None:
    """Remove the directories that no process holds.

    Args:
        parent: the directory that they are in.
        prefix: how their names begin.
        user: id of the user to whom they belong; those of others stay, and so do symlinks.
    """
    for directory in parent.glob(f"{prefix}*"):
        with suppress(OSError):
            _remove_unless_held(directory, user)


def _remove_unless_held(directory: Path, user: int) -> None:
    opened = os.open(directory, _OPEN)
    try:
        if os.fstat(opened).st_uid == user:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory)
    finally:
        os.close(opened)
