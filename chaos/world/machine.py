"""What a row needs from this machine: programs, a small disk, and a clock that can be set back."""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class RequirementMissing(Exception):
    """This machine lacks something; the message says what."""


def program(name: str, package: str) -> str:
    """Return the path of a program.

    Args:
        name: of the program.
        package: the Debian package that contains it.

    Raises:
        RequirementMissing: the program is not installed.
    """
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not path:
        raise RequirementMissing(f"apt-get install {package}")
    return path


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[None]:
    """Mount a small disk in memory on a directory that does not exist yet.

    Raises:
        RequirementMissing: this user may not mount one.
    """
    directory.mkdir(mode=0o700)
    options = f"size={megabytes}m,mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise RequirementMissing("this user may not mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


class Clock:
    """A clock for all programs that are started while it is installed."""

    def __init__(self, directory: Path) -> None:
        """Compile the library that replaces the clock; it shows the real time at first.

        Raises:
            RequirementMissing: there is no C compiler.
        """
        self._file, library = directory / "clock", directory / "clock.so"
        self.set_back(0)
        compiler = [program("cc", "gcc libc6-dev"), "-shared", "-fPIC", "-o", str(library)]
        subprocess.run([*compiler, str(Path(__file__).with_name("clock.c"))], check=True)
        self._environment = {"LD_PRELOAD": str(library), "CLOCK_FILE": str(self._file)}

    def set_back(self, seconds: int) -> None:
        """Show a time that is this many seconds before the real time."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("l", seconds))

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Give this clock to every program that is started during the `with`."""
        os.environ.update(self._environment)
        try:
            yield
        finally:
            for name in self._environment:
                del os.environ[name]
