"""What a setting's value may be, in words, and how it is read."""

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_DRIVERS = ("postgresql+psycopg2", "postgresql+psycopg")
HMAC_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
PUBLIC_KEY_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256")


class Kind(NamedTuple):
    """What a value may be, in words, and how it is read; LookupError or ValueError if it is not."""

    allowed: str
    parse: Callable[[str], Any]


def _matching(pattern: str, allowed: str) -> Kind:
    def parse(raw: str) -> str:
        if not re.fullmatch(pattern, raw):
            raise ValueError(raw)
        return raw

    return Kind(allowed, parse)


def number(least: int, most: int) -> Kind:
    """A whole number from `least` to `most`."""

    def parse(raw: str) -> int:
        if not least <= int(raw) <= most:
            raise ValueError(raw)
        return int(raw)

    return Kind(f"{least} to {most}", parse)


def _one_of(*choices: str) -> Kind:
    return Kind("one of " + ", ".join(choices), lambda raw: choices[choices.index(raw)])


def _several(kind: Kind, allowed: str) -> Kind:
    def parse(raw: str) -> tuple[str, ...]:
        parts = [part.strip() for part in raw.split(",") if part.strip()]
        if not parts:
            raise ValueError(raw)
        return tuple(kind.parse(part) for part in parts)

    return Kind(allowed, parse)


def database_url(raw: str) -> str:
    """Return the address of a PostgreSQL database with its driver named.

    Args:
        raw: the address as an operator writes it.

    Raises:
        ValueError: it is none.
    """
    # SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3, and postgres:// not at all.
    scheme, separator, rest = raw.partition("://")
    _check_port(raw)
    driver = _DRIVERS[0] if scheme in {"postgres", "postgresql"} else scheme
    if driver not in _DRIVERS or not separator:
        raise ValueError(raw)
    return f"{driver}://{rest}"


def _check_port(url: str) -> None:
    if urlsplit(url).port == 0:  # one that is no number is a ValueError by itself
        raise ValueError(url)


def _storage_uri(raw: str) -> str:
    _check_port(raw)
    if not re.fullmatch(r"(memory|(valkey|redis)(s|\+unix)?)://.*", raw):
        raise ValueError(raw)
    # The Valkey client speaks to Redis as well; one client is enough.
    return re.sub("^redis", "valkey", raw)


def _origin(raw: str) -> str:
    """Return an origin as browsers send it: in lower case, without a default port."""
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


def _pem(raw: str) -> str:
    # Many places that hold environment variables allow no line breaks in them.
    text = raw.replace("\\n", "\n").strip()
    if not re.fullmatch(r"(?s)-----BEGIN PUBLIC KEY-----.*-----END PUBLIC KEY-----", text):
        raise ValueError(raw)
    return text


_WORDS = {"true": True, "1": True, "yes": True, "on": True}
_WORDS |= {"false": False, "0": False, "no": False, "off": False}
BOOLEAN = Kind("true or false", lambda raw: _WORDS[raw.lower()])
TEXT = Kind("a text", str)
WORD = _matching(r"\S+", "a word without blanks")
HOST = _matching(r"\S+", "an address or a name")
NAME = _matching(r"(?!pg_)[a-z_][a-z0-9_]{0,62}", "a name of a-z, 0-9 and _, not one as pg_x")
PATH = _matching(r"(/[A-Za-z0-9._~-]+)+", "a path without a slash at its end")
URL = _matching(r"https?://\S+", "an http or https address")
LIMIT = _matching(
    r"[1-9]\d{0,8} ?(/|per) ?([1-9]\d{0,3} ?)?(second|minute|hour|day)s?",
    "such as 60/minute",
)
ORIGINS = _several(
    Kind("", _origin),
    "origins such as https://app.example, commas between",
)
LOCATIONS = _several(_one_of("headers", "cookies"), "headers, cookies or headers,cookies")
DATABASE = Kind(
    "the address of a database: postgres://, postgresql://, postgresql+psycopg2:// or "
    "postgresql+psycopg://",
    database_url,
)
STORE = Kind(
    "memory:// (each worker counts alone), valkey://…, valkey+unix://… or redis://…",
    _storage_uri,
)
SECRET = Kind("a secret of at least 32 bytes (48 for HS384, 64 for HS512)", str)
PEM = Kind("a public key in PEM", _pem)
LEVEL = _one_of("DEBUG", "INFO", "WARNING", "ERROR")
ALGORITHM = _one_of(*HMAC_SECRET_BYTES, *PUBLIC_KEY_ALGORITHMS)
