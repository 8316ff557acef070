"""What this machine gives: ports, a small disk, a clock that can be set for what runs on it."""

import os
import secrets
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PORTS = range(21_000, 22_000)  # below those that are given to outgoing connections


class NotHere(Exception):
    """This machine lacks something; the message says what."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    while True:
        port = secrets.choice(_PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def program(name: str, package: str) -> str:
    """Return the path of a program.

    Raises:
        NotHere: naming Debian's package.
    """
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not path:
        raise NotHere(f"apt-get install {package}")
    return path


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[None]:
    """While a directory is a disk of its own, in memory.

    Raises:
        NotHere: this user may not mount one.
    """
    directory.mkdir(mode=0o700)
    options = f"size={megabytes}m,mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise NotHere("this user may not mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


class Clock:
    """The clock of all programs that are started while it is kept."""

    def __init__(self, directory: Path) -> None:
        """Show the machine's own time.

        Raises:
            NotHere: there is no C compiler.
        """
        self._file, library = directory / "clock", directory / "clock.so"
        self.set_back(0)
        compiler = [program("cc", "gcc libc6-dev"), "-shared", "-fPIC", "-o", str(library)]
        subprocess.run([*compiler, str(Path(__file__).with_name("clock.c"))], check=True)
        self._given = {"LD_PRELOAD": str(library), "CLOCK_FILE": str(self._file)}

    def set_back(self, seconds: int) -> None:
        """Show a time that is so long ago, from now on."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("l", seconds))

    @contextmanager
    def kept(self) -> Iterator[None]:
        """While what is started has this clock."""
        os.environ.update(self._given)
        try:
            yield
        finally:
            for name in self._given:
                del os.environ[name]
