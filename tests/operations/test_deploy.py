"""nginx in front of the service, and systemd that keeps it running."""

import json
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from embedded.ports import free_port
from tests.client import JSON, PREFIX, token
from tests.operations.conftest import program, run
from tests.serving.service import Serve, Service, until


@dataclass(frozen=True)
class Proxied:
    """The service with nginx in front of it."""

    service: Service
    port: int
    tls_port: int
    certificate: Path

    def ask(
        self, path: str, body: bytes = b"", method: str = "POST", **headers: str
    ) -> requests.Response:
        """Send to a path below the prefix, over HTTPS, as one who claims to be elsewhere."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        told = JSON | {"Authorization": f"Bearer {token('ada')}"} | told
        told |= {"X-Forwarded-For": "8.8.8.8"}
        address = f"https://127.0.0.1:{self.tls_port}{PREFIX}{path}"
        certificate = str(self.certificate)
        return requests.request(
            method, address, data=body, headers=told, verify=certificate, timeout=30
        )


@pytest.fixture
def proxied(serve: Serve, root: Path, tmp_path: Path) -> Iterator[Proxied]:
    """The service with `deploy/nginx.conf` in front of it."""
    service = serve(TRUSTED_PROXIES=1, REQUIRE_HTTPS="true")
    plain, tls = free_port(), free_port()
    changes = {"listen 80": f"listen {plain}", "listen 443": f"listen {tls}"}
    changes["127.0.0.1:8000"] = f"127.0.0.1:{service.port}"
    configuration = adapted(root / "deploy/nginx.conf", tmp_path, changes)
    certify(tmp_path)
    with nginx(configuration):
        until(lambda: connects(plain))
        yield Proxied(service, plain, tls, tmp_path / "tls/fullchain.pem")


def test_nginx_serves_over_https_what_the_service_behind_it_answers(proxied: Proxied) -> None:
    watched = proxied.ask("/a%2Fb/chapter", b'{"chapterId": "one", "watchTime": 9}')
    too_long = proxied.ask("/a/chapter", b" " * 70_000)
    plain = f"http://127.0.0.1:{proxied.port}{PREFIX}/a"
    moved = requests.get(plain, allow_redirects=False, timeout=30)

    assert (watched.status_code, watched.json()["tutorialId"]) == (200, "a/b")
    assert watched.headers["Strict-Transport-Security"]
    assert "Server" not in watched.headers or "/" not in watched.headers["Server"]
    assert (too_long.status_code, too_long.json()["error"]) == (413, "Request body too large")
    assert moved.status_code == 308
    assert moved.headers["Location"].startswith("https://")


REFUSED: dict[tuple[int, str], tuple[str, bytes, dict[str, str]]] = {
    (413, "Request body too large"): ("/a/chapter", b" " * 140_000, {}),
    (414, "Request-URI Too Long"): ("/" + "a" * 20_000, b"", {}),
    (431, "Request Header Fields Too Large"): ("/a", b"", {"A": "a" * 20_000}),
}


AT = "2026-01-05T10:05:00Z"
COMPLETION = {"id": "one", "type": "complete", "tutorialId": "a", "at": AT}
OUTLINE = {"chapters": [{"chapterId": "one"}]}


@pytest.mark.parametrize(
    ("method", "path", "body", "longest"),
    [
        ("POST", "", {"events": [COMPLETION]}, 262_144),
        ("PUT", "/a%2Fb/outline", OUTLINE, 8_388_608),
    ],
)
def test_nginx_lets_through_the_longest_events_and_outlines_that_the_service_reads(
    proxied: Proxied, method: str, path: str, body: object, longest: int
) -> None:
    author = {"Authorization": f"Bearer {token('ada', scope='progress:author')}"}
    fitting = json.dumps(body).encode().ljust(longest)

    read = proxied.ask(path, fitting, method, **author)
    too_long = proxied.ask(path, fitting + b" ", method, **author)

    assert read.status_code == 200, read.text
    detail = f"The request body may have at most {longest} bytes."  # of the service, not of nginx
    assert (too_long.status_code, too_long.json()["detail"]) == (413, detail)


@pytest.mark.parametrize("refusal", REFUSED)
def test_what_nginx_refuses_by_itself_it_refuses_in_json(
    proxied: Proxied, refusal: tuple[int, str]
) -> None:
    path, body, headers = REFUSED[refusal]

    answer = proxied.ask(path, body, **headers)

    assert (answer.status_code, answer.json()["error"]) == refusal
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json().keys() == {"error", "detail", "requestId"}
    assert answer.json()["requestId"] == answer.headers["X-Request-ID"]


def test_while_the_service_is_away_nginx_says_when_to_try_again(proxied: Proxied) -> None:
    with_an_id = proxied.ask("/a/chapter", X_Request_ID="mine")
    proxied.service.process.terminate()
    proxied.service.process.wait(30)

    away = [proxied.ask("/a/chapter", X_Request_ID=given) for given in ("mine", 'not"safe')]

    assert with_an_id.headers["X-Request-ID"] == "mine"
    assert {one.status_code for one in away} == {503}
    assert {one.headers["Retry-After"] for one in away} == {"1"}
    assert {one.headers["Cache-Control"] for one in away} == {"no-store"}
    assert {one.json()["error"] for one in away} == {"Service unavailable"}
    mine, made = (one.json()["requestId"] for one in away)
    assert (mine, len(made)) == ("mine", 32)


def test_the_systemd_unit_is_sound_and_lets_the_service_do_little(
    root: Path, tmp_path: Path
) -> None:
    # It is to run programs that are there; those of this environment are.
    places = {"/opt/progress-api/venv/bin": str(Path(sys.executable).parent)}
    places["WorkingDirectory=/opt/progress-api"] = f"WorkingDirectory={root}"

    unit = adapted(root / "deploy/progress-api.service", tmp_path, places)

    assert run("systemd-analyze", "verify", unit) == ""
    # What it may do: 10 is everything, and 2 leaves it little more than the network.
    run("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)


def test_systemd_ends_no_migration_and_tries_a_service_again_until_its_database_is_there(
    root: Path,
) -> None:
    unit = ConfigParser(interpolation=None)
    unit.read(root / "deploy/progress-api.service")

    assert unit["Service"]["TimeoutStartSec"] == "infinity"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"


def test_the_systemd_socket_that_holds_its_port_is_sound(root: Path, tmp_path: Path) -> None:
    places = {"/opt/progress-api/venv/bin": str(Path(sys.executable).parent)}
    adapted(root / "deploy/progress-api.service", tmp_path, places)

    unit = adapted(root / "deploy/progress-api.socket", tmp_path, {})

    assert run("systemd-analyze", "verify", unit) == ""


def adapted(file: Path, directory: Path, changes: dict[str, str]) -> Path:
    """A copy of a file with what is another on each machine changed."""
    text = file.read_text()
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    copy = directory / file.name
    copy.write_text(text)
    return copy


def connects(port: int) -> bool:
    """Whether something listens."""
    try:
        requests.get(f"http://127.0.0.1:{port}/", allow_redirects=False, timeout=5)
    except requests.ConnectionError:
        return False
    return True


@contextmanager
def nginx(configuration: Path) -> Iterator[None]:
    """While nginx runs on a configuration, after it was found to be sound."""
    directory = f"pid {configuration.parent}/nginx.pid; error_log {configuration.parent}/nginx.log;"
    common: list[str | Path] = [
        "-c",
        configuration,
        "-p",
        configuration.parent,
        "-g",
        f"daemon off; {directory}",
    ]
    assert "test is successful" in run("nginx", "-t", *common)
    with subprocess.Popen([program("nginx"), *map(str, common)]) as process:
        try:
            yield
        finally:
            process.terminate()


def certify(directory: Path) -> None:
    """A certificate of this machine's own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "tls").mkdir()
    (directory / "tls/fullchain.pem").write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
    )
    (directory / "tls/privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
