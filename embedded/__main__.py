"""The commands behind make: serve this checkout, run a command on its database, make a token.

`python -m embedded run | exec COMMAND… | token SUB`
"""

import os
import re
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack, redirect_stdout, suppress
from io import StringIO
from itertools import pairwise
from pathlib import Path
from shlex import quote

from click import ClickException
from psutil import Process

from embedded.gunicorn import Gunicorn
from embedded.local import (
    LOCAL,
    AlreadyRunning,
    announce,
    jwt_secret,
    lock_checkout,
    missing_servers,
    postgres,
)
from embedded.ports import http_url, listen
from embedded.processes import (
    StartFailed,
    end_with_parent,
    find_processes,
    spawn,
    stop,
    terminate,
)
from progress_api.cli import progress
from progress_api.database import open_engine
from progress_api.exceptions import ProgressError
from progress_api.schema.migrate import upgrade
from progress_api.settings import Settings

# A stop is often followed by a kill after 10 s; the two servers need the rest.
_SERVICE_STOP_SECONDS = 6.0
_START_SECONDS = 30.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CHAPTER = '{"chapterId": "intro", "completed": true, "watchTime": 60, "totalChapters": 8}'


def main(arguments: list[str]) -> int:
    """Run a command; print an expected error as a sentence, without a stack trace.

    Returns:
        The exit code.
    """
    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _interrupt)
    try:
        match arguments:
            case ["run"]:
                return run()
            case ["exec", *command] if command:
                return execute(command)
            case ["token", *options] if options:
                os.environ.update(jwt_secret(os.environ))
                progress.main(["token", *options], "make")
    except KeyboardInterrupt:
        return 0 if arguments == ["run"] else 128 + signal.SIGINT
    except (StartFailed, AlreadyRunning, ProgressError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print("usage: python -m embedded run | exec COMMAND… | token SUB", file=sys.stderr)
    return 2


def run() -> int:
    """Serve until a signal interrupts it.

    Returns:
        1 when the service stops by itself.

    Raises:
        StartFailed: the service could not be started.
        AlreadyRunning: the service of this checkout is running.
    """
    if "MAKELEVEL" in os.environ:  # a killed make would leave this process running
        end_with_parent(signal.SIGTERM)
    servers, server_settings = missing_servers(os.environ)
    secret = jwt_secret(os.environ)
    os.environ.update(server_settings | secret)
    os.environ.setdefault("DOCS_ENABLED", "true")
    settings = Settings.from_environment(os.environ)
    with lock_checkout() as lock, ExitStack() as running:
        _end_leftovers()
        _check_ports(settings)
        for server in servers:
            running.enter_context(server)
        url = http_url(settings.host, settings.port)
        announce(lock, url, server_settings.get("DATABASE_URL", ""))
        _migrate(settings)
        service = _service(settings)
        running.callback(service.stop)
        service.start(_START_SECONDS)
        print(_greeting(settings, _token(), own_key=not secret), flush=True)
        service.process.wait()
    print("The service stopped by itself; its output above says why.", file=sys.stderr)
    return 1


def execute(command: list[str]) -> int:
    """Run a command with this checkout's database and secret, unless the environment sets them.

    Returns:
        The exit code of the command.
    """
    environment = {**os.environ, **jwt_secret(os.environ)}
    if environment.get("DATABASE_URL"):
        return _call(command, environment)
    try:
        with lock_checkout(), postgres() as database:
            return _call(command, environment | {"DATABASE_URL": database.url()})
    except AlreadyRunning as service:
        if not service.database_url:
            raise StartFailed(
                "The running service uses another DATABASE_URL. Set it here too."
            ) from None
        return _call(command, environment | {"DATABASE_URL": service.database_url})


def _call(command: list[str], environment: Mapping[str, str]) -> int:
    with ExitStack() as running:
        # Not subprocess.call: on a signal it would leave the command's child processes running.
        child = spawn(command, cwd=Path.cwd(), death_signal=signal.SIGTERM, environment=environment)
        running.callback(stop, child, signal.SIGTERM, _SERVICE_STOP_SECONDS)
        return child.wait()


def _migrate(settings: Settings) -> None:
    # In this process: a command would need most of a second to import everything again.
    engine = open_engine(settings)
    try:
        upgrade(engine, settings.progress_schema)
    finally:
        engine.dispose()


def _service(settings: Settings) -> Gunicorn:
    addresses = {"HOST": settings.host, "PORT": settings.port}
    addresses["METRICS_PORT"] = settings.metrics_port
    # The name is how _end_leftovers finds it after this process was killed.
    service = Gunicorn({**os.environ, **addresses}, options=("--name", str(LOCAL)))
    service.stop_seconds = _SERVICE_STOP_SECONDS
    return service


def _token() -> str:
    with redirect_stdout(StringIO()) as printed, suppress(ClickException):  # no secret to sign with
        progress.main(["token", "learner-1"], standalone_mode=False)
    return printed.getvalue().strip() or "$TOKEN"


def _greeting(settings: Settings, token: str, *, own_key: bool) -> str:
    service = http_url(settings.host, settings.port) + settings.url_prefix
    page = http_url(settings.host, settings.port) + "/docs"
    metrics = http_url(settings.metrics_host, settings.metrics_port) + "/metrics"
    # In double quotes, so that the shell expands $TOKEN.
    headers = f'-H "Authorization: Bearer {token}" -H "Content-Type: application/json"'
    return "\n".join(
        (
            f"Service:  {service}",
            f"Page:     {page if settings.docs_enabled else 'off'}",
            f"Metrics:  {metrics if settings.metrics_port else 'off'}",
            f"Database: {_without_password(os.environ['DATABASE_URL'])}",
            f"Tokens:   make token SUB=alice{' (with the same JWT_ settings)' if own_key else ''}",
            f"Try it:   curl {headers} -d {quote(_CHAPTER)} {service}/first-steps/chapter",
            "Press Ctrl-C to stop. The data is kept.",
        )
    )


def _without_password(url: str) -> str:
    url = re.sub(r"(://[^/@:]*):[^@]*@", r"\1:***@", url)
    return re.sub(r"([?&]password=)[^&]*", r"\1***", url)


def _end_leftovers() -> None:
    terminate(find_processes(_is_leftover), signal.SIGTERM, _SERVICE_STOP_SECONDS)


def _is_leftover(process: Process) -> bool:
    command = process.cmdline()
    return "gunicorn" in command and ("--name", str(LOCAL)) in pairwise(command)


def _check_ports(settings: Settings) -> None:
    with ExitStack() as listening:  # both at once, as PORT and METRICS_PORT may be equal
        for name, host, port in (
            ("PORT", settings.host, settings.port),
            ("METRICS_PORT", settings.metrics_host, settings.metrics_port),
        ):
            try:
                listening.enter_context(listen(host, port))
            except OSError as error:
                reason = os.strerror(error.errno) if error.errno else str(error)
                raise StartFailed(
                    f"{name}: cannot listen on {host} port {port} ({reason})."
                ) from error


def _interrupt(*_: object) -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would interrupt the clean-up
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
