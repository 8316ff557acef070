"""nginx in front of the service, and systemd that keeps it running."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.client import JSON, PREFIX, token
from tests.operations.conftest import Serve, program, run
from tests.serving.service import free_port, until


def test_nginx_serves_over_https_what_the_service_behind_it_answers(
    serve: Serve, root: Path, tmp_path: Path
) -> None:
    service = serve(TRUSTED_PROXIES=1, REQUIRE_HTTPS="true")
    plain, tls = free_port(), free_port()
    changes = {"listen 80": f"listen {plain}", "listen 443": f"listen {tls}"}
    changes["127.0.0.1:8000"] = f"127.0.0.1:{service.port}"
    configuration = adapted(root / "deploy/nginx.conf", tmp_path, changes)
    certify(tmp_path)

    with nginx(configuration):
        headers = JSON | {"Authorization": f"Bearer {token('ada')}", "X-Forwarded-For": "8.8.8.8"}
        url = f"https://127.0.0.1:{tls}{PREFIX}"
        certificate = str(tmp_path / "tls/fullchain.pem")

        def ask(body: bytes) -> requests.Response:
            return requests.post(
                f"{url}/a%2Fb/chapter", data=body, headers=headers, verify=certificate, timeout=30
            )

        until(lambda: connects(plain))
        watched = ask(b'{"chapterId": "one", "watchTime": 9}')
        too_long = ask(b" " * 70_000)
        moved = requests.get(
            f"http://127.0.0.1:{plain}{PREFIX}/a", allow_redirects=False, timeout=30
        )

    assert (watched.status_code, watched.json()["tutorialId"]) == (200, "a/b")
    assert watched.headers["Strict-Transport-Security"]
    assert "Server" not in watched.headers or "/" not in watched.headers["Server"]
    assert (too_long.status_code, too_long.json()["error"]) == (413, "Request body too large")
    assert moved.status_code == 308
    assert moved.headers["Location"].startswith("https://")


def test_the_systemd_unit_is_sound(root: Path, tmp_path: Path) -> None:
    # It is to run programs that are there; those of this environment are.
    places = {"/opt/progress-api/venv/bin": str(Path(sys.executable).parent)}
    places["WorkingDirectory=/opt/progress-api"] = f"WorkingDirectory={root}"

    said = run(
        "systemd-analyze", "verify", adapted(root / "deploy/progress-api.service", tmp_path, places)
    )

    assert said == ""


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
