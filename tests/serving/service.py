"""The service as it is deployed: gunicorn, its workers, its ports and what it writes."""

import itertools
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from http.client import HTTPConnection
from pathlib import Path
from socket import create_server
from typing import Any, Self

import psutil
from prometheus_client.parser import text_string_to_metric_families
from requests.structures import CaseInsensitiveDict

from progress_api import Settings
from tests.client import PREFIX, SECRET, Answer, Learner
from tests.described import assert_described

ROOT = Path(__file__).parent.parent.parent
GUNICORN = (Path(sys.executable).with_name("gunicorn"), "-c", "python:progress_api.serving")
APP = "progress_api.wsgi:app"
TEMPLATE = "/v1/tutorials/progress/<tutorial_id>"
_SETTINGS = {one.name.upper() for one in fields(Settings)} | {"PROMETHEUS_MULTIPROC_DIR"}
_addresses = itertools.count(2)


class Service:
    """Gunicorn with `progress_api.serving`, from start to end."""

    def __init__(self, directory: Path, **settings: object) -> None:
        """Prepare; nothing runs before the `with`.

        Args:
            directory: where its output and its temporary files go.
            settings: by their names in the environment.
        """
        self.command: tuple[str | Path, ...] = (*GUNICORN, APP)
        self.root = ROOT  # where it starts, which is where its code is
        self.log = directory / "log"
        self.temporary = directory / "temporary"
        self.port, self.metrics_port = free_port(), free_port()
        given = {
            "JWT_SECRET_KEY": SECRET,
            "PORT": self.port,
            "METRICS_PORT": self.metrics_port,
            "TMPDIR": self.temporary,
            **settings,
        }
        self._workers = int(str(settings.get("WEB_CONCURRENCY", 2)))
        self.fewest_threads = 2  # of a worker that has answered
        self.environment = without_settings(os.environ)
        self.environment |= {name: str(value) for name, value in given.items()}

    def __enter__(self) -> Self:
        """Start, and wait until it answers."""
        self.temporary.mkdir(parents=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            until(self._is_up, 60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what is left of it: to end in good order takes a second of the processor."""
        if self.process.poll() is None:
            master = psutil.Process(self.process.pid)
            master.suspend()  # or it would start workers for those that are killed
            for process in (*master.children(), master):
                process.kill()
            self.process.wait()

    def _is_up(self) -> bool:
        """Whether each worker has answered: it makes its threads when the first request comes."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            answer = Wire(self).send("GET", "/healthz")
            threads = [worker.num_threads() for worker in self.workers()]
        except (OSError, psutil.NoSuchProcess):
            return False
        has_started = len(threads) == self._workers and min(threads) >= self.fewest_threads
        return answer.status == 200 and has_started

    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        return psutil.Process(self.process.pid).children()

    @contextmanager
    def without(self, worker: psutil.Process) -> Iterator[None]:
        """While one worker hangs; what comes meanwhile is answered by the others."""
        worker.suspend()
        try:
            yield
        finally:
            worker.resume()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to gunicorn's master."""
        self.process.send_signal(number)

    def lines(self) -> list[Any]:
        """Each line that it wrote, parsed."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def has_counted(self, worker: psutil.Process) -> bool:
        """Whether a worker has counted a request yet."""
        return any(self.temporary.glob(f"*/counter_{worker.pid}.db"))

    def scrape(self, query: str = "") -> tuple[int, str]:
        """What the metrics port answers."""
        connection = HTTPConnection("127.0.0.1", self.metrics_port, timeout=10)
        try:
            connection.request("GET", f"/metrics{query}")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def counted(self) -> dict[tuple[str, str], float]:
        """`api_requests_total` by endpoint and status."""
        return {
            (sample.labels["endpoint"], sample.labels["status"]): sample.value
            for family in text_string_to_metric_families(self.scrape()[1])
            for sample in family.samples
            if sample.name == "api_requests_total"
        }

    def measured(self) -> dict[str, float]:
        """Each of the service's own metrics, by its name and the values of its labels."""
        return {
            " ".join([sample.name, *sample.labels.values()]): sample.value
            for family in text_string_to_metric_families(self.scrape()[1])
            for sample in family.samples
            if sample.name.startswith("progress_")
        }

    def learner(self, **given: Any) -> Learner:
        """A learner that nobody has heard of, each request on a connection of its own."""
        name = f"served-{os.getpid()}-{secrets.token_hex(8)}"
        return Learner(Wire(self), **({"name": name} | given))


class Wire:
    """Carries each request on a connection of its own, from an address of its own if wanted."""

    def __init__(self, service: Service, source: str = "127.0.0.1") -> None:
        """Speak to this service from this address."""
        self.service = service
        self._source = source

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Answer:
        """Send it, and fail where the answer is not JSON."""
        connection = HTTPConnection(
            "127.0.0.1", self.service.port, timeout=30, source_address=(self._source, 0)
        )
        try:
            connection.request(method, path, body=data, headers=dict(headers or {}))
            return received(connection, method, path)
        finally:
            connection.close()


def received(connection: HTTPConnection, method: str, path: str) -> Answer:
    """What comes back to a request that was sent; fail where it is not as it is described."""
    response = connection.getresponse()
    told: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for name, value in response.getheaders():
        told[name] = f"{told[name]}, {value}" if name in told else value
    body = response.read()
    assert told["Content-Type"] == "application/json", (response.status, told, body)
    answer = Answer(response.status, json.loads(body) if body else None, told)
    assert_described(PREFIX, method, path, answer)
    return answer


def new_address() -> str:
    """A client address that no other test uses: all of 127/8 is this machine."""
    number = next(_addresses)
    return f"127.{10 + os.getpid() % 200}.{number // 250}.{number % 250 + 1}"


def free_port() -> int:
    """A port that nobody listens on, of those that are never given to outgoing connections."""
    while True:
        port = 20000 + secrets.randbelow(12000)
        try:
            create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


Serve = Callable[..., Service]


@contextmanager
def services(
    directory: Callable[[], Path], database: Callable[[], str], store: str
) -> Iterator[Serve]:
    """Start a service with further settings each time; all of them end with this."""
    with ExitStack() as running:

        def start(**settings: object) -> Service:
            given = {"DATABASE_URL": database(), "RATELIMIT_STORAGE_URI": store, **settings}
            return running.enter_context(Service(directory(), **given))

        yield start


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment as it would be where nobody has set up this service."""
    return {name: value for name, value in environment.items() if name not in _SETTINGS}


def until(happens: Callable[[], object], seconds: float = 30, every: float = 0.03) -> None:
    """Ask again and again until it is so, and fail when it takes longer than this."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, f"not after {seconds} s"
        time.sleep(every)
