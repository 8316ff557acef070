"""Every setting of the service: name, type, default, bounds and one sentence."""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from progress_api.exceptions import SettingsError

_DRIVERS = ("postgresql+psycopg2", "postgresql+psycopg")
DEFAULT_PREFIX = "/v1/tutorials/progress"
_HMAC_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_PUBLIC_KEY_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256")


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


def _number(least: int, most: int) -> Kind:
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


def _database_url(raw: str) -> str:
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
    if not re.fullmatch(r"(memory|(valkey|redis)(s|\+unix|\+sentinel|\+cluster)?)://.*", raw):
        raise ValueError(raw)
    # The Valkey client speaks to Redis as well; one client is enough.
    return re.sub("^redis", "valkey", raw)


def _pem(raw: str) -> str:
    # Many places that hold environment variables allow no line breaks in them.
    text = raw.replace("\\n", "\n").strip()
    if not re.fullmatch(r"(?s)-----BEGIN PUBLIC KEY-----.*-----END PUBLIC KEY-----", text):
        raise ValueError(raw)
    return text


_WORDS = {"true": True, "1": True, "yes": True, "on": True}
_WORDS |= {"false": False, "0": False, "no": False, "off": False}
_BOOLEAN = Kind("true or false", lambda raw: _WORDS[raw.lower()])
_TEXT = Kind("a text", str)
_WORD = _matching(r"\S+", "a word without blanks")
_HOST = _matching(r"\S+", "an address or a name")
_PATH = _matching(r"(/[A-Za-z0-9._~-]+)+", "a path without a slash at its end")
_URL = _matching(r"https?://\S+", "an http or https address")
_LIMIT = _matching(
    r"[1-9]\d{0,8} ?(/|per) ?([1-9]\d{0,3} ?)?(second|minute|hour|day)s?",
    "such as 60/minute",
)
_ORIGINS = _several(
    _matching(r"https?://[^/\s*]+", ""),
    "origins such as https://app.example, commas between",
)
_LOCATIONS = _several(_one_of("headers", "cookies"), "headers, cookies or headers,cookies")
_DATABASE = Kind(
    "the address of a database: postgres://, postgresql://, postgresql+psycopg2:// or "
    "postgresql+psycopg://",
    _database_url,
)
_STORE = Kind(
    "memory:// (each worker counts alone), valkey://…, valkey+unix://… or redis://…",
    _storage_uri,
)
_SECRET = Kind("a secret of at least 32 bytes (48 for HS384, 64 for HS512)", str)
_PEM = Kind("a public key in PEM", _pem)
_LEVEL = _one_of("DEBUG", "INFO", "WARNING", "ERROR")
_ALGORITHM = _one_of(*_HMAC_SECRET_BYTES, *_PUBLIC_KEY_ALGORITHMS)


def _setting(default: Any, kind: Kind, says: str) -> Any:
    secret = kind in (_SECRET, _DATABASE, _STORE)
    return field(default=default, metadata={"kind": kind, "says": says}, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one service; each is read from the environment under its name in capitals."""

    database_url: str = _setting(MISSING, _DATABASE, "The PostgreSQL database.")
    database_timeout: int = _setting(2000, _number(100, 60000), "Milliseconds for a statement.")
    database_one_trip: bool = _setting(True, _BOOLEAN, "Whether a write is sent in one trip.")
    url_prefix: str = _setting(DEFAULT_PREFIX, _PATH, "Where the five endpoints are.")
    host: str = _setting("127.0.0.1", _HOST, "The address to listen on.")
    port: int = _setting(8000, _number(1, 65535), "The port to listen on.")
    web_concurrency: int = _setting(2, _number(1, 256), "Worker processes.")
    web_threads: int = _setting(4, _number(1, 256), "Threads, and connections, of a worker.")
    jwt_algorithm: str = _setting("HS256", _ALGORITHM, "The only one a token may be signed with.")
    jwt_secret_key: str | None = _setting(None, _SECRET, "The secret that signs HS tokens.")
    jwt_public_key: str | None = _setting(None, _PEM, "Verifies RS, ES or PS tokens.")
    jwt_jwks_url: str | None = _setting(None, _URL, "Where public keys are published, instead.")
    jwt_decode_audience: str | None = _setting(None, _TEXT, "Whom a token must be for.")
    jwt_decode_issuer: str | None = _setting(None, _TEXT, "Who must have issued a token.")
    jwt_decode_leeway: int = _setting(0, _number(0, 600), "Seconds that clocks may differ.")
    jwt_identity_claim: str = _setting("sub", _WORD, "The claim that names the learner.")
    jwt_token_location: tuple[str, ...] = _setting(("headers",), _LOCATIONS, "Where tokens are.")
    ratelimit_enabled: bool = _setting(True, _BOOLEAN, "Whether requests are limited.")
    ratelimit_storage_uri: str = _setting("memory://", _STORE, "Where limits are counted.")
    ratelimit_get: str = _setting("60/minute", _LIMIT, "How often progress may be read.")
    ratelimit_chapter: str = _setting("30/minute", _LIMIT, "How often chapters may be posted.")
    ratelimit_quiz: str = _setting("10/minute", _LIMIT, "How often quizzes may be posted.")
    ratelimit_complete: str = _setting("5/minute", _LIMIT, "How often a tutorial may be completed.")
    ratelimit_reset: str = _setting("5/minute", _LIMIT, "How often progress may be reset.")
    cors_origins: tuple[str, ...] = _setting((), _ORIGINS, "Whose pages may call the service.")
    trusted_proxies: int = _setting(0, _number(0, 10), "Proxies in front that are believed.")
    require_https: bool = _setting(False, _BOOLEAN, "Refuse plain HTTP, and send HSTS.")
    metrics_host: str = _setting("127.0.0.1", _HOST, "The address of /metrics.")
    metrics_port: int = _setting(9464, _number(0, 65535), "The port of /metrics; 0 for none.")
    metrics_public: bool = _setting(False, _BOOLEAN, "Serve /metrics on the public port as well.")
    log_level: str = _setting("INFO", _LEVEL, "The least level that is logged.")
    progress_admin_scope: str = _setting("progress:admin", _WORD, "Its holder acts for anyone.")
    progress_sticky_completion: bool = _setting(False, _BOOLEAN, "A completed chapter stays so.")
    progress_max_chapters: int = _setting(1000, _number(1, 10000), "Of one learner's tutorial.")
    progress_max_quizzes: int = _setting(1000, _number(1, 10000), "Of one learner's tutorial.")
    progress_max_body_bytes: int = _setting(65536, _number(1024, 16777216), "Bytes of a body.")

    def __post_init__(self) -> None:
        """Name the driver, also in an address that was not read from the environment."""
        if self.database_url:
            object.__setattr__(self, "database_url", _database_url(self.database_url))

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str],
        *,
        keys_needed: bool = True,
        database_needed: bool = True,
    ) -> "Settings":
        """Read all settings; an empty value counts as not given.

        Args:
            environment: names and values, such as os.environ.
            keys_needed: whether tokens are to be verified; a migration job holds no keys.
            database_needed: whether there is no database yet; a host may have one.

        Raises:
            SettingsError: with one sentence for each fault, all of them at once.
        """
        values: dict[str, Any] = {}
        faults = [_read(one, environment, values) for one in fields(cls)]
        if not database_needed and not environment.get("DATABASE_URL"):
            faults, values["database_url"] = faults[1:], ""
        faults += _key_faults(values) if keys_needed else []
        faults += _port_faults(values)
        told = [fault for fault in faults if fault]
        if told:
            raise SettingsError("\n".join(told))
        return cls(**values)


def _read(one: Field[Any], environment: Mapping[str, str], values: dict[str, Any]) -> str | None:
    name, kind = one.name.upper(), one.metadata["kind"]
    raw = environment.get(name, "")
    if not raw.strip():
        values[one.name] = one.default
        return f"{name} is missing: it must be {kind.allowed}." if one.default is MISSING else None
    try:
        values[one.name] = kind.parse(raw)
    except (ValueError, LookupError):
        # The value itself is not repeated: it may be a secret.
        return f"{name} has a value that it may not have: it must be {kind.allowed}."
    return None


def _key_faults(values: Mapping[str, Any]) -> list[str]:
    if not {"jwt_algorithm", "jwt_public_key", "jwt_jwks_url"} <= values.keys():
        return []
    algorithm, secret = values["jwt_algorithm"], values["jwt_secret_key"] or ""
    public_keys = [values["jwt_public_key"], values["jwt_jwks_url"]]
    least = _HMAC_SECRET_BYTES.get(algorithm, 0)
    if least and any(public_keys):
        return ["JWT_PUBLIC_KEY and JWT_JWKS_URL need JWT_ALGORITHM to be such as RS256 or ES256."]
    if least and len(secret.encode()) < least:
        needed = f"JWT_SECRET_KEY must be a secret of at least {least} bytes for {algorithm}"
        return [f"{needed}, or JWT_ALGORITHM another and JWT_PUBLIC_KEY or JWT_JWKS_URL given."]
    if algorithm in _PUBLIC_KEY_ALGORITHMS and all(public_keys) == any(public_keys):
        given = "JWT_PUBLIC_KEY, a public key in PEM, or JWT_JWKS_URL, an http or https address"
        return [f"JWT_ALGORITHM {algorithm} needs either {given}."]
    return []


def _port_faults(values: Mapping[str, Any]) -> list[str]:
    if "port" in values and values["port"] == values.get("metrics_port"):
        return ["METRICS_PORT must be another port than PORT, or 0 for none."]
    return []


def check_keys(settings: Settings) -> None:
    """Refuse to start without a key, also where settings were not read from the environment.

    Raises:
        SettingsError: naming what is missing.
    """
    if faults := _key_faults(vars(settings)):
        raise SettingsError("\n".join(faults))
