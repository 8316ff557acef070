"""A service in a container: the one of the image, with as few rights as it is deployed with."""

import os
import secrets
import shutil
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from embedded.server import Server
from tests.image.programs import program, run
from tests.serving.service import Service

_SOCKETS = "/run/servers"
_RESTRICTED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges")
# podman would raise the limits, which needs rights, and let systemd ask for the health.
_HERE = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", "--no-healthcheck")


class Container(Service):
    """A container on the network of this machine, from start to end."""

    def __init__(
        self,
        directory: Path,
        image: str,
        servers: Mapping[str, Server],
        database: str,
        **settings: object,
    ) -> None:
        """Prepare; nothing runs before the `with`.

        Args:
            directory: where its output goes.
            image: its name.
            servers: its PostgreSQL, "postgres", and its Valkey, "valkey"; it uses their sockets.
            database: the address of the database, from outside.
            settings: of the service, by their names in the environment.
        """
        store = f"valkey+unix://{_SOCKETS}/valkey/{servers['valkey'].socket_name}"
        given = {"DATABASE_URL": _inside(database), "RATELIMIT_STORAGE_URI": store, **settings}
        super().__init__(directory, **given)
        self.name = f"progress-api-{secrets.token_hex(4)}"
        places = [f"--volume={open_to_all(one)}:{_SOCKETS}/{name}" for name, one in servers.items()]
        named = [f"--env={name}" for name in set(self.environment) - set(os.environ) - {"TMPDIR"}]
        start = (program("podman"), "--runtime", program("runc"), "run", "--rm", "--network=host")
        self.command = (
            *start,
            f"--name={self.name}",
            *_RESTRICTED,
            *_HERE,
            *places,
            *named,
            image,
        )

    def stop(self) -> None:
        """Remove it, also while it runs."""
        run("podman", "rm", "--force", "--ignore", "--time=0", self.name)
        self.process.wait()

    def _is_ready(self) -> bool:
        return self.status("/readyz") == HTTPStatus.OK

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


def _inside(database: str) -> str:
    """The address of a database of the tests' server, from within a container."""
    name = database.partition("?")[0].rpartition("/")[2]
    return f"postgresql://app@/{name}?host={_SOCKETS}/postgres&port=5432"
