"""Two containers behind nginx, as in `compose.yaml`, stopped one after the other."""

import ssl
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import yaml

from bench.testbed import SECRET
from chaos.load import Load
from embedded.ports import free_port
from tests.image.conftest import Contain
from tests.image.container import Container
from tests.operations.test_deploy import adapted, certify, connects, nginx
from tests.serving.service import until

_REQUESTS = 200


@pytest.fixture
def containers(contain: Contain, database: str) -> list[Container]:
    """Two of them, on a new database."""
    settings = {"RATELIMIT_ENABLED": "false", "TRUSTED_PROXIES": 1, "REQUIRE_HTTPS": "true"}
    return [contain(database, JWT_SECRET_KEY=SECRET, **settings) for _ in range(2)]


@pytest.fixture
def port(containers: list[Container], root: Path, tmp_path: Path) -> Iterator[int]:
    """Where nginx serves both over HTTPS."""
    plain, tls = free_port(), free_port()
    changes = {"listen 80": f"listen {plain}", "listen 443": f"listen {tls}"}
    changes["server 127.0.0.1:8000;"] = _upstream(root, containers)
    configuration = adapted(root / "deploy/nginx.conf", tmp_path, changes)
    certify(tmp_path)
    with nginx(configuration):
        until(lambda: connects(plain))
        yield tls


def test_stopping_one_container_after_the_other_under_load_fails_no_request(
    containers: list[Container], port: int, tmp_path: Path
) -> None:
    context = ssl.create_default_context(cafile=tmp_path / "tls/fullchain.pem")
    with Load(lambda: HTTPSConnection("127.0.0.1", port, context=context), "stop") as load:
        codes = []
        for container in containers:
            _more(load)
            codes.append(container.terminate())
            _more(load)
            container.restart()
        _more(load)

    assert codes == [0, 0]
    assert Counter(request.kind for request in load.requests) == {"200": len(load.requests)}
    assert (load.unanswered, load.contradictions, load.crashed) == ([], [], 0)


def _upstream(root: Path, containers: list[Container]) -> str:
    """What compose.yaml puts in the place of one server."""
    nginx = yaml.safe_load((root / "compose.yaml").read_text())["services"]["nginx"]
    assert "s|server 127.0.0.1:8000;|$$UPSTREAM|" in nginx["command"][-1]
    upstream: str = nginx["environment"]["UPSTREAM"]
    for number, container in enumerate(containers, 1):
        address = f"${{SUBNET:-172.30.93}}.20{number}:8000"
        assert address in upstream
        upstream = upstream.replace(address, f"127.0.0.1:{container.port}")
    return upstream


def _more(load: Load) -> None:
    enough = len(load.requests) + _REQUESTS
    until(lambda: len(load.requests) >= enough)
