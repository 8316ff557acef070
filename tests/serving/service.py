"""The service as it is deployed: gunicorn, its workers, its ports and what it writes."""

import itertools
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
from prometheus_client.parser import text_string_to_metric_families
from requests.structures import CaseInsensitiveDict

from embedded.gunicorn import APP, CONFIG, Gunicorn
from tests.client import PREFIX, SECRET, Answer, Learner
from tests.described import assert_described

# The script, as it is deployed: on SIGUSR2 gunicorn starts it again.
GUNICORN = (str(Path(sys.executable).with_name("gunicorn")), "-c", CONFIG)
TEMPLATE = "/v1/tutorials/progress/<tutorial_id>"
_addresses = itertools.count(2)


class Service(Gunicorn):
    """The service under gunicorn; ready when each worker has handled a request."""

    log: Path

    def __init__(self, directory: Path, **settings: object) -> None:
        """Prepare; nothing runs before the `with`.

        Args:
            directory: holds its log and its temporary files.
            settings: by the names of their environment variables.
        """
        self.temporary = directory / "temporary"
        fixed = {"JWT_SECRET_KEY": SECRET, "TMPDIR": self.temporary}
        super().__init__({**fixed, **settings}, log=directory / "log")
        self.command: Sequence[str | Path] = (*GUNICORN, APP)
        self._worker_count = int(str(settings.get("WEB_CONCURRENCY", 2)))
        self.fewest_threads = 2  # of a worker that has responded

    def start(self, seconds: float = 60) -> None:
        """Start, and wait until it is ready."""
        self.temporary.mkdir(parents=True)
        super().start(seconds)

    def stop(self) -> None:
        """Kill it: a clean shutdown takes a second of the processor."""
        self.kill()

    def _command(self) -> Sequence[str | Path]:
        return self.command

    def _is_ready(self) -> bool:
        if not super()._is_ready():
            return False
        try:  # a worker creates its threads when its first request comes
            threads = [worker.num_threads() for worker in self.workers()]
        except psutil.NoSuchProcess:
            return False
        return len(threads) == self._worker_count and min(threads) >= self.fewest_threads

    @contextmanager
    def without(self, worker: psutil.Process) -> Iterator[None]:
        """While one worker hangs; what comes meanwhile is answered by the others."""
        worker.suspend()
        try:
            yield
        finally:
            worker.resume()

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


def until(happens: Callable[[], object], seconds: float = 30, every: float = 0.03) -> None:
    """Ask again and again until it is so, and fail when it takes longer than this."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, f"not after {seconds} s"
        time.sleep(every)
