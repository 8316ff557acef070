"""A service in a container: the one of the image, with as few rights as it is deployed with."""

import os
import secrets
import shutil
import subprocess
from http import HTTPStatus
from pathlib import Path
from typing import Self

from embedded.server import Server
from tests.image.conftest import program, run
from tests.serving.service import Service

_SOCKETS = "/run/servers"
_RESTRICTED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges")
# podman would raise the limits, which needs rights, and let systemd ask for the health.
_HERE = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", "--no-healthcheck")


class Container(Service):
    """A container on the network of this machine, from start to end."""

    def __init__(
        self, directory: Path, image: str, postgres: Server, valkey: Server, **settings: object
    ) -> None:
        """Prepare; nothing runs before the `with`.

        Args:
            directory: where its output goes.
            image: its name.
            postgres: the PostgreSQL that it uses, by its socket.
            valkey: the Valkey that it uses, by its socket.
            settings: of the service, by their names in the environment.
        """
        store = f"valkey+unix://{_SOCKETS}/valkey/{valkey.socket_name}"
        super().__init__(directory, **{"RATELIMIT_STORAGE_URI": store, **settings})
        self.name = f"progress-api-{secrets.token_hex(4)}"
        servers = {"postgres": postgres, "valkey": valkey}
        places = [f"--volume={open_to_all(one)}:{_SOCKETS}/{name}" for name, one in servers.items()]
        given = set(self.environment) - set(os.environ) - {"TMPDIR"}
        named = [f"--env={name}" for name in given]
        podman = (program("podman"), "--runtime", program("runc"), "run", "--rm", "--network=host")
        self.begin = (*podman, f"--name={self.name}", *_RESTRICTED, *_HERE, *places, *named, image)
        self.command = self.begin

    def stop(self) -> None:
        """Remove it, also while it runs."""
        run("podman", "rm", "--force", "--ignore", "--time=0", self.name)
        self.process.wait()

    def _is_ready(self) -> bool:
        return self.status("/readyz") == HTTPStatus.OK

    def migrate(self) -> Self:
        """Run `progress-api migrate` in another container of the same image."""
        other = [one for one in self.begin if not str(one).startswith("--name=")]
        subprocess.run([*other, "migrate"], env=self.environment, check=True, timeout=60)
        return self

    def execute(self, *command: str) -> str:
        """Run a command in the container, and return what it printed."""
        return run("podman", "exec", self.name, *command)

    def restart(self) -> None:
        """Start again after a stop, as another container would."""
        shutil.rmtree(self.temporary)
        self.start()

    def terminate(self) -> int:
        """Stop it as `docker stop` does, and return the exit code of the service."""
        run("podman", "stop", "--time=30", self.name)
        return self.process.wait(30)


def open_to_all(server: Server) -> Path:
    """Let the user of the container reach the socket of a server; return its directory."""
    server.sockets.chmod(0o755)
    (server.sockets / server.socket_name).chmod(0o777)
    return server.sockets


def address_of(database: str) -> str:
    """The address of a database of the tests' server, from within a container."""
    name = database.partition("?")[0].rpartition("/")[2]
    return f"postgresql://app@/{name}?host={_SOCKETS}/postgres&port=5432"
