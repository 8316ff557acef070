"""One service for most of these tests, and further ones where the settings matter."""

from collections.abc import Iterator
from functools import partial

import pytest

from embedded.valkey import Valkey
from tests.client import token
from tests.serving.service import Serve, Service, services

ORIGIN = "https://app.example"
LOCAL_ORIGIN = "http://[::1]:3000"


@pytest.fixture(scope="session")
def serve(
    tmp_path_factory: pytest.TempPathFactory, shared_database: str, valkey: Valkey
) -> Iterator[Serve]:
    """Start a service with further settings; it runs until all tests are done."""
    with services(
        partial(tmp_path_factory.mktemp, "service"), lambda: shared_database, valkey.url
    ) as start:
        yield start


@pytest.fixture(scope="session")
def served(serve: Serve) -> Service:
    """The service with its default settings: two workers, limits in Valkey."""
    return serve()


@pytest.fixture(scope="session")
def browsed(serve: Serve) -> Service:
    """A service behind one proxy, with other settings for nearly everything."""
    return serve(
        # Not as a browser writes the first one.
        CORS_ORIGINS=f"HTTPS://App.Example:443/,{LOCAL_ORIGIN}",
        TRUSTED_PROXIES=1,
        METRICS_PUBLIC="true",
        RATELIMIT_RESET="1/second",
        WEB_CONCURRENCY=1,
    )


@pytest.fixture(scope="session")
def behind_tls(serve: Serve) -> Service:
    """A service that one proxy speaks TLS for, without metrics."""
    return serve(REQUIRE_HTTPS="true", TRUSTED_PROXIES=1, WEB_CONCURRENCY=1, METRICS_PORT=0)


@pytest.fixture(scope="session")
def quiet(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service that wants HTTPS and trusts no proxy, and logs warnings only."""
    return serve(
        REQUIRE_HTTPS="true",
        LOG_LEVEL="WARNING",
        WEB_CONCURRENCY=1,
        PROMETHEUS_MULTIPROC_DIR=tmp_path_factory.mktemp("metrics"),
    )


@pytest.fixture
def signed_in(served: Service) -> dict[str, str]:
    """The headers of a learner that nobody has heard of."""
    bearer = f"Bearer {token(served.learner().name)}"
    return {"Authorization": bearer, "Content-Type": "application/json"}
