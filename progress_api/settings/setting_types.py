"""Describe and parse the values that settings may have."""

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import unquote, urlencode, urlsplit

_DRIVERS = ("postgresql+psycopg2", "postgresql+psycopg")
_AUTHORITY = re.compile(r"([^/?]*)(/?[^?]*)\??(.*)", re.DOTALL)
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]+)(?::(\d{0,5}))?")
_PORTS = 65536
HMAC_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
PUBLIC_KEY_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256")


class SettingType(NamedTuple):
    """Values that a setting may have.

    Attributes:
        description: what follows "it must be", for error messages and documentation.
        parse: returns the value of a text; raises LookupError or ValueError if it is invalid.
    """

    description: str
    parse: Callable[[str], Any]


def _matching(pattern: str, description: str) -> SettingType:
    def parse(raw: str) -> str:
        if not re.fullmatch(pattern, raw):
            raise ValueError(raw)
        return raw

    return SettingType(description, parse)


def number(least: int, most: int) -> SettingType:
    """Return the type of whole numbers from `least` to `most`."""

    def parse(raw: str) -> int:
        if not least <= int(raw) <= most:
            raise ValueError(raw)
        return int(raw)

    return SettingType(f"{least} to {most}", parse)


def _one_of(*choices: str) -> SettingType:
    return SettingType("one of " + ", ".join(choices), lambda raw: choices[choices.index(raw)])


def _several(item: SettingType, description: str) -> SettingType:
    def parse(raw: str) -> tuple[str, ...]:
        parts = [part.strip() for part in raw.split(",") if part.strip()]
        if not parts:
            raise ValueError(raw)
        return tuple(item.parse(part) for part in parts)

    return SettingType(description, parse)


def database_url(raw: str) -> str:
    """Return the URL of a PostgreSQL database with an explicit driver, psycopg2 by default.

    Args:
        raw: the URL as an operator writes it.

    Raises:
        ValueError: the URL is invalid or of another database.
    """
    # SQLAlchemy 2.1 uses psycopg 3 for a plain postgresql:// and rejects postgres://.
    scheme, separator, rest = raw.partition("://")
    rest = _with_hosts_in_query(rest)
    _check_port(f"{scheme}://{rest}")
    driver = _DRIVERS[0] if scheme in {"postgres", "postgresql"} else scheme
    if driver not in _DRIVERS or not separator:
        raise ValueError(raw)
    return f"{driver}://{rest}"


def _with_hosts_in_query(rest: str) -> str:
    """Move several hosts, as libpq writes them, into the query, as SQLAlchemy reads them.

    Args:
        rest: what follows the scheme, such as `u@h1:5432,h2/db`.
    """
    authority, path, query = _AUTHORITY.fullmatch(rest).groups()  # type: ignore[union-attr]
    user, at, hosts = authority.rpartition("@")
    if "," not in hosts or ":" not in hosts:  # without a port SQLAlchemy reads it as libpq does
        return rest
    pairs = [_HOST_AND_PORT.fullmatch(host) for host in hosts.split(",")]
    if not all(pairs):
        raise ValueError(rest)
    names = [unquote(pair[1].strip("[]")) for pair in pairs if pair]
    ports = [pair[2] or "5432" for pair in pairs if pair]
    if not all(0 < int(port) < _PORTS for port in ports):
        raise ValueError(rest)
    addresses = urlencode({"host": ",".join(names), "port": ",".join(ports)})
    return f"{user}{at}{path}?{'&'.join(filter(None, [addresses, query]))}"


def _check_port(url: str) -> None:
    if urlsplit(url).port == 0:  # `port` itself raises ValueError if it is not a number
        raise ValueError(url)


def _storage_uri(raw: str) -> str:
    _check_port(raw)
    if not re.fullmatch(r"(memory|(valkey|redis)(s|\+unix)?)://.*", raw):
        raise ValueError(raw)
    # The Valkey client also works with Redis, so a second client is not needed.
    return re.sub("^redis", "valkey", raw)


def _origin(raw: str) -> str:
    """Return an origin as browsers send it: in lower case, without the default port."""
    if not re.fullmatch(r"https?://[^/\s*?#@]+/?", raw, re.ASCII | re.IGNORECASE):
        raise ValueError(raw)
    _check_port(raw)
    parts = urlsplit(raw)
    host = parts.hostname or ""
    if not host or not host.isascii():
        raise ValueError(raw)
    host = f"[{ip_address(host)}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    port = f":{parts.port}" if parts.port not in (None, default) else ""
    return f"{parts.scheme}://{host}{port}"


_PUBLIC_PEM = r"-----BEGIN PUBLIC KEY-----[^-]*-----END PUBLIC KEY-----"
_PRIVATE_PEM = r"-----BEGIN ((RSA |EC )?PRIVATE KEY)-----[^-]*-----END \1-----"


def _pem(pattern: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        text = _with_line_breaks(raw)
        if not re.fullmatch(pattern, text):
            raise ValueError(raw)
        return text

    return parse


def _pems(raw: str) -> tuple[str, ...]:
    text = _with_line_breaks(raw)
    if re.sub(_PUBLIC_PEM, "", text).replace(",", "").strip():
        raise ValueError(raw)
    return tuple(re.findall(_PUBLIC_PEM, text))


def _with_line_breaks(raw: str) -> str:
    # Some tools cannot store line breaks in environment variables, so accept "\\n".
    return raw.replace("\\n", "\n").strip()


# Without a user, a query and a fragment; the ids in credentials begin with it, and must be URIs.
_URI = re.compile(r"https?://(?:[\w.~:/\[\]!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+", re.ASCII)


def _public_url(raw: str) -> str:
    """Return an address without a slash at its end."""
    if not _URI.fullmatch(raw) or not urlsplit(raw).hostname:
        raise ValueError(raw)
    _check_port(raw)
    return raw.rstrip("/")


_WORDS = {"true": True, "1": True, "yes": True, "on": True}
_WORDS |= {"false": False, "0": False, "no": False, "off": False}
BOOLEAN = SettingType("true or false", lambda raw: _WORDS[raw.lower()])
TEXT = SettingType("a text", str)
WORD = _matching(r"\S+", "a word without spaces")
HOST = _matching(r"\S+", "an IP address or a host name")
NAME = _matching(
    r"(?!pg_)[a-z_][a-z0-9_]{0,62}",
    "a name of a-z, 0-9 and _ that does not begin with a digit or pg_",
)
PATH = _matching(r"(/[A-Za-z0-9._~-]+)+", "a path without a slash at its end")
URL = _matching(r"https?://\S+", "an http or https URL")
LIMIT = _matching(
    r"[1-9]\d{0,8} ?(/|per) ?([1-9]\d{0,3} ?)?(second|minute|hour|day)s?",
    "such as 60/minute",
)
ORIGINS = _several(
    SettingType("", _origin),
    "origins such as https://app.example, separated by commas",
)
LOCATIONS = _several(_one_of("headers", "cookies"), "headers, cookies or headers,cookies")
DATABASE = SettingType(
    "the URL of a database: postgres://, postgresql://, postgresql+psycopg2:// or "
    "postgresql+psycopg://",
    database_url,
)
STORE = SettingType(
    "memory:// (each worker counts separately), valkey://…, valkeys://… (TLS) or valkey+unix://…; "
    "redis may stand for valkey",
    _storage_uri,
)
SECRET = SettingType("a secret of at least 32 bytes (48 for HS384, 64 for HS512)", str)
PUBLIC_URL = SettingType("an http or https URL without a query", _public_url)
PEM = SettingType("a public key in PEM", _pem(_PUBLIC_PEM))
PRIVATE_PEM = SettingType("an unencrypted private key in PEM", _pem(_PRIVATE_PEM))
PEMS = SettingType("public keys in PEM, one after the other", _pems)
LEVEL = _one_of("DEBUG", "INFO", "WARNING", "ERROR")
ALGORITHM = _one_of(*HMAC_SECRET_BYTES, *PUBLIC_KEY_ALGORITHMS)
