"""nginx waits for a report for as long as the service may take for it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from embedded.ports import free_port
from tests.client import token
from tests.operations.test_deploy import Proxied, adapted, certify, connects, nginx
from tests.serving.service import Serve, until

WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
def proxied(serve: Serve, root: Path, tmp_path: Path) -> Iterator[Proxied]:
    """A service that waits for locks, with nginx that waits for other requests for a second."""
    settings: dict[str, object] = {"DATABASE_TIMEOUT": 30_000, "REPORT_TIMEOUT": 600}
    service = serve(TRUSTED_PROXIES=1, REQUIRE_HTTPS="true", **settings)
    plain, tls = free_port(), free_port()
    changes = {"listen 80": f"listen {plain}", "listen 443": f"listen {tls}"}
    changes["127.0.0.1:8000"] = f"127.0.0.1:{service.port}"
    changes["proxy_read_timeout 30s"] = "proxy_read_timeout 1s"
    configuration = adapted(root / "deploy/nginx.conf", tmp_path, changes)
    certify(tmp_path)
    with nginx(configuration):
        until(lambda: connects(plain))
        yield Proxied(service, plain, tls, tmp_path / "tls/fullchain.pem")


@pytest.mark.parametrize("path", ["/a%2Fb/report", "/a/learners?limit=1"])
def test_nginx_waits_for_a_report_longer_than_for_other_requests(
    proxied: Proxied, engine: Engine, path: str
) -> None:
    teacher = f"Bearer {token('ada', scope='progress:report')}"
    with ThreadPoolExecutor() as pool:
        with engine.begin() as connection:
            connection.execute(text("LOCK TABLE tutorial_progress"))
            report = pool.submit(proxied.ask, path, method="GET", Authorization=teacher)
            until(lambda: _waiting(engine) == 1)
            other = proxied.ask("/a", method="GET")
        answered = report.result(30)

    assert other.status_code == 503
    assert answered.status_code == 200, answered.text


def _waiting(engine: Engine) -> int:
    """How many connections wait for a lock."""
    with engine.connect() as connection:
        return int(connection.scalar(WAITING) or 0)
