"""Strangers are limited by their address, however a proxy writes it."""

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from progress_api import ProgressAPI, Settings
from tests.client import JSON, PREFIX, SECRET, InProcess
from tests.conftest import MakeApp

# Each is one address, in ways that proxies write it.
ADDRESSES = {
    "IPv4": (
        "203.0.113.9",
        "203.0.113.9:50001",
        "203.0.113.9:50002",
        "::ffff:203.0.113.9",
        "[::ffff:203.0.113.9]:443",
        "::FFFF:cb00:7109",
        " 203.0.113.9 ",
        '"203.0.113.9:7"',
        "203.0.113.9:x",
        "203.0.113.9%1",
    ),
    "IPv6": (
        "2001:db8::1",
        "[2001:db8::1]",
        "[2001:db8::1]:443",
        "2001:DB8:0::1",
        "2001:0db8:0000:0000:0000:0000:0000:0001",
        '"[2001:db8::1]:7"',
        "[2001:db8::1",
    ),
    "on one link": ("fe80::1", "fe80::1%eth0", "fe80::1%7", "[fe80::1%eth0]:443", "FE80:0::1"),
}
OTHERS = ["203.0.113.10", "2001:db8::2", "[2001:db8::3]:443", "fe80::2", "203.0.113.9.1", "unknown"]
OTHERS += ["_hidden", "2001:db8::1:443", "203.0.113.009", "%", "", "\u00e9", "a:b", "[]"]


@pytest.fixture(params=["alone", "guest"])
def proxied(request: pytest.FixtureRequest, make_app: MakeApp, shared_database: str) -> InProcess:
    """The service behind a proxy, on its own or in a host."""
    if request.param == "alone":
        return InProcess(make_app(ratelimit_enabled=True, trusted_proxies=1))
    host = Flask("host")
    host.wsgi_app = ProxyFix(host.wsgi_app)  # type: ignore[method-assign]
    ProgressAPI(host, settings=Settings(database_url=shared_database, jwt_secret_key=SECRET))
    return InProcess(host)


def complete(proxied: InProcess, address: str) -> int:
    headers = JSON | {"X-Forwarded-For": address}
    return proxied.send("POST", f"{PREFIX}/intro/complete", headers, None).status


@pytest.mark.parametrize("spellings", ADDRESSES.values(), ids=ADDRESSES.keys())
def test_an_address_has_one_allowance_however_it_is_written(
    proxied: InProcess, spellings: tuple[str, ...]
) -> None:
    allowed = [complete(proxied, spelling) for spelling in spellings[:5]]
    refused = [complete(proxied, spelling) for spelling in (*spellings, *reversed(spellings))]

    assert set(allowed) == {401}
    assert set(refused) == {429}


def test_other_addresses_and_invalid_ones_have_allowances_of_their_own(proxied: InProcess) -> None:
    for other in ("203.0.113.9", "2001:db8::1"):
        assert [complete(proxied, other) for _ in range(6)] == [401] * 5 + [429]

    for other in OTHERS:
        assert [complete(proxied, other) for _ in range(6)] == [401] * 5 + [429], other
