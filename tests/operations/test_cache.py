"""nginx in front of the service that keeps what it may, as an operator or a CDN sets it up."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from embedded.ports import free_port
from tests.client import PREFIX, token
from tests.operations.test_deploy import connects, nginx
from tests.serving.service import Serve, until

CACHING = """
user root;  # the directory of the cache is ours; without effect where nginx is not started by root
events {{}}
http {{
    access_log off;
    # Addresses that are longer than gunicorn takes are passed on, and kept.
    large_client_header_buffers 4 32k;
    proxy_buffer_size 32k;
    proxy_buffers 4 32k;
    proxy_cache_path {directory}/cache keys_zone=kept:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{service};
            proxy_cache kept;
            proxy_cache_valid any 10m;  # what says nothing of it itself
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
}}
"""


@pytest.fixture
def cached(serve: Serve, tmp_path: Path) -> Iterator[str]:
    """The address of a cache in front of the service."""
    service, port = serve(), free_port()
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(CACHING.format(directory=tmp_path, port=port, service=service.port))
    with nginx(configuration):
        until(lambda: connects(port))
        yield f"http://127.0.0.1:{port}"


def get(url: str, name: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {token(name)}"} if name else {}
    return requests.get(url, headers=headers, timeout=30)


def test_a_cache_in_front_gives_each_learner_their_own_progress(cached: str) -> None:
    address = f"{cached}{PREFIX}/intro"

    learners = [get(address, name).json()["userId"] for name in ("ada", "bob", "ada")]

    assert learners == ["ada", "bob", "ada"]


def test_a_cache_in_front_keeps_no_refusal(cached: str) -> None:
    address = f"{cached}{PREFIX}/intro"

    statuses = [get(address, name).status_code for name in ("", "ada", "")]
    elsewhere = [get(f"{cached}{PREFIX}/a/b").headers["X-Cache"] for _ in range(2)]
    ready = [get(f"{cached}/readyz").headers["X-Cache"] for _ in range(2)]
    # A path that gunicorn itself refuses; a cache may keep a 414 that does not forbid it.
    too_long = [get(f"{cached}{PREFIX}/{'a' * 8300}") for _ in range(2)]

    assert statuses == [401, 200, 401]
    assert elsewhere == ready == ["MISS", "MISS"]
    assert [one.status_code for one in too_long] == [414, 414]
    assert [one.headers["X-Cache"] for one in too_long] == ["MISS", "MISS"]


def test_a_cache_in_front_keeps_the_description(cached: str) -> None:
    address = f"{cached}{PREFIX}/openapi.json"

    assert [get(address).headers["X-Cache"] for _ in range(2)] == ["MISS", "HIT"]
