"""`python -m embedded run` serves, on servers of its own; `… exec COMMAND` runs one on them.

`… token SUB` makes a token for the service that runs, and needs none of the servers.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, redirect_stdout, suppress
from errno import EADDRINUSE
from http.client import HTTPConnection, HTTPException
from io import StringIO
from itertools import pairwise
from pathlib import Path
from shlex import quote
from socket import AF_INET, AF_INET6, create_server, socket

from click import ClickException
from psutil import Process

from embedded.local import LOCAL, ROOT, InUse, alone, key, needed, postgres, tell
from embedded.processes import StartFailed, end, end_with_parent, leftovers, spawn, stop
from progress_api.cli import progress, server_command
from progress_api.database import open_engine
from progress_api.exceptions import ProgressError
from progress_api.migrate import upgrade
from progress_api.settings import Settings

# The two servers take the rest of the 10 s after which a stop often becomes a kill.
_SERVICE_STOP_SECONDS = 6.0
_START_SECONDS = 30.0
# A process that was killed is gone from the list before its ports are free.
_PORT_SECONDS = 1.0
_CHAPTER = '{"chapterId": "intro", "completed": true, "watchTime": 60, "totalChapters": 8}'


def main(arguments: list[str]) -> int:
    """Run one of the commands; what goes wrong is told in sentences, without a stack trace."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _leave)
    try:
        match arguments:
            case ["run"]:
                return run()
            case ["exec", *command] if command:
                return execute(command)
            case ["token", *options] if options:
                os.environ.update(key(os.environ))
                progress.main(["token", *options], "make")
    except KeyboardInterrupt:
        return 0 if arguments == ["run"] else 128 + signal.SIGINT
    except (StartFailed, InUse, ProgressError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print("usage: python -m embedded run | exec COMMAND… | token SUB", file=sys.stderr)
    return 2


def run() -> int:
    """Serve until a signal comes.

    Returns:
        1 when the service does not start, or ends by itself.
    """
    if "MAKELEVEL" in os.environ:  # make may be killed, and would leave us behind
        end_with_parent(signal.SIGTERM)
    servers, variables = needed(os.environ)
    secret = key(os.environ)
    os.environ.update(variables | secret)
    os.environ.setdefault("DOCS_ENABLED", "true")
    settings = Settings.from_environment(os.environ)
    address = _address(settings.host, settings.port)
    with alone() as lock, ExitStack() as stack:
        _end_leftovers()
        _check_ports(settings)
        for server in servers:
            stack.enter_context(server)
        tell(lock, address, variables.get("DATABASE_URL", ""))
        _migrate(settings)
        return _serve(stack, settings, "" if secret else ", given the same JWT_ settings")


def execute(command: list[str]) -> int:
    """Run a command on the database and the key of this clone, where the environment gives none.

    Returns:
        The exit code of the command.
    """
    environment = {**os.environ, **key(os.environ)}
    if environment.get("DATABASE_URL"):
        return _call(command, environment)
    try:
        with alone(), postgres() as database:
            return _call(command, environment | {"DATABASE_URL": database.url()})
    except InUse as service:
        if not service.database_url:
            raise StartFailed(
                "The running service has another DATABASE_URL: give it here too."
            ) from None
        return _call(command, environment | {"DATABASE_URL": service.database_url})


def _call(command: list[str], environment: Mapping[str, str]) -> int:
    os.environ.update(environment)
    with ExitStack() as stack:
        # One that serves has workers, which subprocess.call would leave when a signal comes.
        child = spawn(command, cwd=Path.cwd(), dies_by=signal.SIGTERM)
        stack.callback(stop, child, signal.SIGTERM, _SERVICE_STOP_SECONDS)
        return child.wait()


def _migrate(settings: Settings) -> None:
    # Not by a command of its own: the imports would take most of a second once more.
    engine = open_engine(settings)
    try:
        upgrade(engine, settings.progress_schema)
    finally:
        engine.dispose()


def _serve(stack: ExitStack, settings: Settings, given: str) -> int:
    # _end_leftovers finds it by the name, should this process be killed.
    service = spawn(server_command("--name", str(LOCAL)), cwd=ROOT, dies_by=signal.SIGTERM)
    stack.callback(stop, service, signal.SIGTERM, _SERVICE_STOP_SECONDS)
    deadline = time.monotonic() + _START_SECONDS
    while service.poll() is None and not _answers(settings):
        if time.monotonic() > deadline:
            raise StartFailed(f"The service does not answer after {_START_SECONDS:.0f} s.")
        time.sleep(0.02)
    if service.poll() is None:
        print(_greeting(settings, os.environ["DATABASE_URL"], _token(), given), flush=True)
        service.wait()
    raise StartFailed("The service ended by itself; why is above.")


def _token() -> str:
    with redirect_stdout(StringIO()) as printed, suppress(ClickException):  # signed elsewhere
        progress.main(["token", "learner-1"], standalone_mode=False)
    return printed.getvalue().strip() or "$TOKEN"


def _answers(settings: Settings) -> bool:
    connection = HTTPConnection(_reachable(settings.host), settings.port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True


def _greeting(settings: Settings, database_url: str, token: str, given: str) -> str:
    service = _address(settings.host, settings.port) + settings.url_prefix
    page = _address(settings.host, settings.port) + "/docs"
    metrics = _address(settings.metrics_host, settings.metrics_port) + "/metrics"
    # Double quotes, so that a $TOKEN in the place of a token is the shell's variable.
    headers = f'-H "Authorization: Bearer {token}" -H "Content-Type: application/json"'
    return "\n".join(
        (
            f"Service:  {service}",
            f"Page:     {page if settings.docs_enabled else 'off'}",
            f"Metrics:  {metrics if settings.metrics_port else 'off'}",
            f"Database: {_without_password(database_url)}",
            f"Tokens:   make token SUB=alice{given}",
            f"Try it:   curl {headers} -d {quote(_CHAPTER)} {service}/first-steps/chapter",
            "Ctrl-C stops it; its data stays.",
        )
    )


def _without_password(url: str) -> str:
    url = re.sub(r"(://[^/@:]*):[^@]*@", r"\1:***@", url)
    return re.sub(r"([?&]password=)[^&]*", r"\1***", url)


def _end_leftovers() -> None:
    end(leftovers(_is_our_service), signal.SIGTERM, _SERVICE_STOP_SECONDS)


def _is_our_service(process: Process) -> bool:
    command = process.cmdline()
    return "gunicorn" in command and ("--name", str(LOCAL)) in pairwise(command)


def _check_ports(settings: Settings) -> None:
    with ExitStack() as held:  # both at once: they may be one and the same
        for name, host, port in (
            ("PORT", settings.host, settings.port),
            ("METRICS_PORT", settings.metrics_host, settings.metrics_port),
        ):
            try:
                held.enter_context(_listen(host, port))
            except OSError as error:
                why = os.strerror(error.errno) if error.errno else str(error)
                raise StartFailed(
                    f"{name}: cannot listen on {host} port {port} ({why})."
                ) from error


def _listen(host: str, port: int) -> socket:
    family = AF_INET6 if ":" in host else AF_INET
    deadline = time.monotonic() + _PORT_SECONDS
    while True:
        try:
            return create_server((host, port), family=family)
        except OSError as error:
            if error.errno != EADDRINUSE or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _address(host: str, port: int) -> str:
    host = _reachable(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def _leave(*_: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would leave something running
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
