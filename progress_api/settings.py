"""Every setting of the service: name, type, default, bounds and one sentence."""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

from progress_api.exceptions import SettingsError

_HMAC_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_PUBLIC_KEY_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256")
_DRIVERS = ("postgresql+psycopg2", "postgresql+psycopg")
_LIMIT = re.compile(
    r"[1-9]\d{0,8} ?(/|per) ?([1-9]\d{0,3} ?)?(second|minute|hour|day)s?"
)
_STORES = re.compile(r"(memory|(valkey|redis)(s|\+unix|\+sentinel|\+cluster)?)://.*")

Parser = Callable[[str], Any]


def _text(raw: str) -> str:
    return raw


def _boolean(raw: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True}
    words |= {"false": False, "0": False, "no": False, "off": False}
    return words[raw.lower()]


def _number(least: int, most: int) -> Parser:
    def parse(raw: str) -> int:
        if not least <= int(raw) <= most:
            raise ValueError(raw)
        return int(raw)

    return parse


def _one_of(*choices: str) -> Parser:
    def parse(raw: str) -> str:
        return choices[choices.index(raw)]

    return parse


def _matching(pattern: str | re.Pattern[str]) -> Parser:
    def parse(raw: str) -> str:
        if not re.fullmatch(pattern, raw):
            raise ValueError(raw)
        return raw

    return parse


def _several(parse_one: Parser) -> Parser:
    def parse(raw: str) -> tuple[str, ...]:
        return tuple(parse_one(part.strip()) for part in raw.split(",") if part.strip())

    return parse


def _database_url(raw: str) -> str:
    # SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3, and postgres:// not at all.
    scheme, separator, rest = raw.partition("://")
    driver = _DRIVERS[0] if scheme in {"postgres", "postgresql"} else scheme
    if driver not in _DRIVERS or not separator:
        raise ValueError(raw)
    return f"{driver}://{rest}"


def _storage_uri(raw: str) -> str:
    # The Valkey client speaks to Redis as well; one client is enough.
    return re.sub(r"^redis", "valkey", _matching(_STORES)(raw))


def _pem(raw: str) -> str:
    # Many places that hold environment variables allow no line breaks in them.
    text = raw.replace("\\n", "\n")
    return str(
        _matching(r"(?s)\s*-----BEGIN PUBLIC KEY-----.*-----END PUBLIC KEY-----\s*")(
            text
        )
    )


def _setting(default: Any, parse: Parser, allowed: str, says: str) -> Any:
    secret = parse in (_text, _database_url)
    metadata = {"parse": parse, "allowed": allowed, "says": says}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one service; each is read from the environment under its name in capitals."""

    database_url: str = _setting(
        MISSING,
        _database_url,
        "postgres://, postgresql://, postgresql+psycopg2:// or postgresql+psycopg:// and an address",
        "The PostgreSQL database.",
    )
    database_timeout: int = _setting(
        2000,
        _number(100, 60000),
        "100 to 60000",
        "Milliseconds a statement or a lock may take.",
    )
    database_one_trip: bool = _setting(
        True,
        _boolean,
        "true or false",
        "Send a write as one string of prepared statements; false behind PgBouncer.",
    )
    url_prefix: str = _setting(
        "/v1/tutorials/progress",
        _matching(r"(/[A-Za-z0-9._~-]+)+"),
        "a path such as /v1/tutorials/progress, without a slash at its end",
        "Where the five endpoints are.",
    )
    host: str = _setting(
        "127.0.0.1",
        _matching(r"\S+"),
        "an address or name",
        "The address to listen on.",
    )
    port: int = _setting(
        8000, _number(1, 65535), "1 to 65535", "The port of the service."
    )
    web_concurrency: int = _setting(2, _number(1, 256), "1 to 256", "Worker processes.")
    web_threads: int = _setting(
        4,
        _number(1, 256),
        "1 to 256",
        "Threads, and database connections, of each worker.",
    )
    jwt_algorithm: str = _setting(
        "HS256",
        _one_of(*_HMAC_SECRET_BYTES, *_PUBLIC_KEY_ALGORITHMS),
        "one of " + ", ".join((*_HMAC_SECRET_BYTES, *_PUBLIC_KEY_ALGORITHMS)),
        "The only algorithm that a token may be signed with.",
    )
    jwt_secret_key: str | None = _setting(
        None,
        _text,
        "a secret of at least 32 bytes (48 for HS384, 64 for HS512)",
        "The secret that HS tokens are signed with; there is no default.",
    )
    jwt_public_key: str | None = _setting(
        None,
        _pem,
        "a public key in PEM",
        "The public key that verifies RS, ES or PS tokens.",
    )
    jwt_jwks_url: str | None = _setting(
        None,
        _matching(r"https?://\S+"),
        "an http or https address",
        "Where the public keys are published, instead of JWT_PUBLIC_KEY.",
    )
    jwt_decode_audience: str | None = _setting(
        None, _text, "a text", "The audience that a token must be for."
    )
    jwt_decode_issuer: str | None = _setting(
        None, _text, "a text", "The issuer that a token must come from."
    )
    jwt_decode_leeway: int = _setting(
        0, _number(0, 600), "0 to 600", "Seconds that clocks may differ."
    )
    jwt_identity_claim: str = _setting(
        "sub",
        _matching(r"\S+"),
        "the name of a claim",
        "The claim that names the learner.",
    )
    jwt_token_location: tuple[str, ...] = _setting(
        ("headers",),
        _several(_one_of("headers", "cookies")),
        "headers, cookies or headers,cookies",
        "Where a token may come from.",
    )
    ratelimit_enabled: bool = _setting(
        True, _boolean, "true or false", "Whether requests are limited."
    )
    ratelimit_storage_uri: str = _setting(
        "memory://",
        _storage_uri,
        "memory://, or a valkey://, valkeys://, valkey+unix:// or redis address",
        "Where limits are counted; memory:// counts in each worker alone.",
    )
    ratelimit_get: str = _setting(
        "60/minute",
        _matching(_LIMIT),
        "a limit such as 60/minute",
        "How often progress is read.",
    )
    ratelimit_chapter: str = _setting(
        "30/minute",
        _matching(_LIMIT),
        "a limit such as 30/minute",
        "How often chapters are posted.",
    )
    ratelimit_quiz: str = _setting(
        "10/minute",
        _matching(_LIMIT),
        "a limit such as 10/minute",
        "How often quizzes are posted.",
    )
    ratelimit_complete: str = _setting(
        "5/minute",
        _matching(_LIMIT),
        "a limit such as 5/minute",
        "How often completion is asked.",
    )
    ratelimit_reset: str = _setting(
        "5/minute",
        _matching(_LIMIT),
        "a limit such as 5/minute",
        "How often progress is reset.",
    )
    cors_origins: tuple[str, ...] = _setting(
        (),
        _several(_matching(r"https?://[^/\s*]+")),
        "origins such as https://app.example, separated by commas",
        "The origins whose pages may call the service.",
    )
    trusted_proxies: int = _setting(
        0,
        _number(0, 10),
        "0 to 10",
        "Proxies in front, whose forwarded headers are believed.",
    )
    require_https: bool = _setting(
        False,
        _boolean,
        "true or false",
        "Refuse plain HTTP, and send Strict-Transport-Security.",
    )
    metrics_host: str = _setting(
        "127.0.0.1",
        _matching(r"\S+"),
        "an address or name",
        "The address that serves /metrics.",
    )
    metrics_port: int = _setting(
        9464,
        _number(0, 65535),
        "0 to 65535",
        "The port that serves /metrics; 0 for none.",
    )
    metrics_public: bool = _setting(
        False,
        _boolean,
        "true or false",
        "Whether /metrics is on the public port as well.",
    )
    log_level: str = _setting(
        "INFO",
        _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        "DEBUG, INFO, WARNING or ERROR",
        "The least level that is logged; requests are INFO.",
    )
    progress_admin_scope: str = _setting(
        "progress:admin",
        _matching(r"\S+"),
        "a scope without blanks",
        "The scope of a token that may act for every learner.",
    )
    progress_sticky_completion: bool = _setting(
        False, _boolean, "true or false", "Whether a completed chapter stays completed."
    )
    progress_max_chapters: int = _setting(
        1000, _number(1, 10000), "1 to 10000", "Chapters of one learner's tutorial."
    )
    progress_max_quizzes: int = _setting(
        1000, _number(1, 10000), "1 to 10000", "Quizzes of one learner's tutorial."
    )
    progress_max_body_bytes: int = _setting(
        65536, _number(1024, 16777216), "1024 to 16777216", "Bytes of a request body."
    )

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], *, keys_needed: bool = True
    ) -> "Settings":
        """Read all settings; an empty value counts as not given.

        Args:
            environment: names and values, such as os.environ.
            keys_needed: whether tokens are to be verified; a migration job holds no keys.

        Raises:
            SettingsError: with one sentence for each fault, all of them at once.
        """
        values, faults = _read(cls, environment)
        faults += _key_faults(values) if keys_needed else []
        if faults:
            raise SettingsError("\n".join(faults))
        return cls(**values)


def as_table() -> str:
    """Return every setting as a table in Markdown: name, default, what it may be, what it is."""
    lines = ["| setting | default | may be | |", "| --- | --- | --- | --- |"]
    for one in fields(Settings):
        told = one.metadata
        default = _shown(one.default)
        lines.append(
            f"| `{one.name.upper()}` | {default} | {told['allowed']} | {told['says']} |"
        )
    return "\n".join(lines)


def _shown(default: Any) -> str:
    if default is MISSING:
        return "required"
    if default is None or default == ():
        return ""
    text = ",".join(default) if isinstance(default, tuple) else str(default)
    return f"`{text.lower() if isinstance(default, bool) else text}`"


def _read(
    settings: type[Settings], environment: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    faults: list[str] = []
    for one in fields(settings):
        _read_one(one, environment.get(one.name.upper(), ""), values, faults)
    return values, faults


def _read_one(
    one: Field[Any], raw: str, values: dict[str, Any], faults: list[str]
) -> None:
    name, allowed = one.name.upper(), one.metadata["allowed"]
    blank = not raw.strip()
    if blank and one.default is MISSING:
        faults.append(f"{name} is missing: it must be {allowed}.")
    elif blank:
        values[one.name] = one.default
    else:
        try:
            values[one.name] = one.metadata["parse"](raw)
        except (ValueError, LookupError):
            # The value itself is not repeated: it may be a secret.
            faults.append(
                f"{name} has a value that it may not have: it must be {allowed}."
            )


def _key_faults(values: Mapping[str, Any]) -> list[str]:
    if (
        not {"jwt_algorithm", "jwt_secret_key", "jwt_public_key", "jwt_jwks_url"}
        <= values.keys()
    ):
        return []
    algorithm = values["jwt_algorithm"]
    if algorithm not in _HMAC_SECRET_BYTES:
        return _public_key_faults(values)
    least = _HMAC_SECRET_BYTES[algorithm]
    if values["jwt_public_key"] or values["jwt_jwks_url"]:
        return [
            "JWT_PUBLIC_KEY and JWT_JWKS_URL need JWT_ALGORITHM to be RS256 or ES256."
        ]
    if len((values["jwt_secret_key"] or "").encode()) < least:
        return [
            f"JWT_SECRET_KEY must be a secret of at least {least} bytes for {algorithm}, "
            "or JWT_ALGORITHM another and JWT_PUBLIC_KEY or JWT_JWKS_URL given."
        ]
    return []


def _public_key_faults(values: Mapping[str, Any]) -> list[str]:
    if bool(values["jwt_public_key"]) != bool(values["jwt_jwks_url"]):
        return []
    return [
        f"JWT_ALGORITHM {values['jwt_algorithm']} needs either JWT_PUBLIC_KEY, a public key in PEM, "
        "or JWT_JWKS_URL, an http or https address."
    ]
