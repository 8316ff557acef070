"""Every setting of the service: name, type, default, bounds and one sentence."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from importlib.util import find_spec
from typing import Any

from progress_api.environment import misspelled
from progress_api.exceptions import SettingsError
from progress_api.setting_types import (
    ALGORITHM,
    BOOLEAN,
    DATABASE,
    HMAC_SECRET_BYTES,
    HOST,
    LEVEL,
    LIMIT,
    LOCATIONS,
    NAME,
    ORIGINS,
    PATH,
    PEM,
    PUBLIC_KEY_ALGORITHMS,
    SECRET,
    STORE,
    TEXT,
    URL,
    WORD,
    Kind,
    database_url,
    number,
)

DEFAULT_PREFIX = "/v1/tutorials/progress"
DOCS_PATH = "/docs"
SWAGGER_UI = "flask_swagger_ui"
NO_SWAGGER_UI = "DOCS_ENABLED needs Swagger UI: install progress-api[docs]."
_GUEST_PREFIX = "PROGRESS_"
# The others are the host's to decide, and PROGRESS_PORT may be there from somebody else.
_OF_GUESTS = ("DATABASE_", "JWT_", "MIGRATE_", "PROGRESS_", "RATELIMIT_", "URL_", "WEB_THREADS")


def _setting(default: Any, kind: Kind, says: str) -> Any:
    secret = kind in (SECRET, DATABASE, STORE)
    return field(default=default, metadata={"kind": kind, "says": says}, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one service; each is read from the environment under its name in capitals."""

    database_url: str = _setting(MISSING, DATABASE, "The PostgreSQL database.")
    database_timeout: int = _setting(2000, number(100, 60000), "Milliseconds for a statement.")
    database_one_trip: bool = _setting(True, BOOLEAN, "False behind a transaction pooler.")
    migrate_timeout: int = _setting(300, number(1, 86400), "Seconds that a migration may wait.")
    url_prefix: str = _setting(DEFAULT_PREFIX, PATH, "Where the five endpoints are.")
    host: str = _setting("127.0.0.1", HOST, "The address to listen on.")
    port: int = _setting(8000, number(1, 65535), "The port to listen on.")
    web_concurrency: int = _setting(2, number(1, 256), "Worker processes.")
    web_threads: int = _setting(4, number(1, 256), "Threads, and connections, of a worker.")
    jwt_algorithm: str = _setting("HS256", ALGORITHM, "The only one a token may be signed with.")
    jwt_secret_key: str | None = _setting(None, SECRET, "The secret that signs HS tokens.")
    jwt_previous_secret_key: str | None = _setting(None, SECRET, "The one before it.")
    jwt_public_key: str | None = _setting(None, PEM, "Verifies RS, ES or PS tokens.")
    jwt_previous_public_key: str | None = _setting(None, PEM, "The one before it.")
    jwt_jwks_url: str | None = _setting(None, URL, "Where public keys are published, instead.")
    jwt_decode_audience: str | None = _setting(None, TEXT, "Whom a token must be for.")
    jwt_decode_issuer: str | None = _setting(None, TEXT, "Who must have issued a token.")
    jwt_decode_leeway: int = _setting(0, number(0, 600), "Seconds that clocks may differ.")
    jwt_identity_claim: str = _setting("sub", WORD, "The claim that names the learner.")
    jwt_token_location: tuple[str, ...] = _setting(("headers",), LOCATIONS, "Where tokens are.")
    ratelimit_enabled: bool = _setting(True, BOOLEAN, "Whether requests are limited.")
    ratelimit_storage_uri: str = _setting("memory://", STORE, "Where limits are counted.")
    ratelimit_get: str = _setting("60/minute", LIMIT, "How often progress may be read.")
    ratelimit_chapter: str = _setting("30/minute", LIMIT, "How often chapters may be posted.")
    ratelimit_quiz: str = _setting("10/minute", LIMIT, "How often quizzes may be posted.")
    ratelimit_complete: str = _setting("5/minute", LIMIT, "How often a tutorial may be completed.")
    ratelimit_reset: str = _setting("5/minute", LIMIT, "How often progress may be reset.")
    cors_origins: tuple[str, ...] = _setting((), ORIGINS, "Whose pages may call the service.")
    trusted_proxies: int = _setting(0, number(0, 10), "Proxies in front that are believed.")
    require_https: bool = _setting(False, BOOLEAN, "Refuse plain HTTP, and send HSTS.")
    metrics_host: str = _setting("127.0.0.1", HOST, "The address of /metrics.")
    metrics_port: int = _setting(9464, number(0, 65535), "The port of /metrics; 0 for none.")
    metrics_public: bool = _setting(False, BOOLEAN, "Serve /metrics on the public port as well.")
    docs_enabled: bool = _setting(False, BOOLEAN, "Serve /docs, a page to try the service on.")
    log_level: str = _setting("INFO", LEVEL, "The least level that is logged.")
    progress_admin_scope: str = _setting("progress:admin", WORD, "Its holder acts for anyone.")
    progress_sticky_completion: bool = _setting(False, BOOLEAN, "A completed chapter stays so.")
    progress_schema: str | None = _setting(None, NAME, "The schema that the tables are in.")
    progress_max_chapters: int = _setting(1000, number(1, 10000), "Of one learner's tutorial.")
    progress_max_quizzes: int = _setting(1000, number(1, 10000), "Of one learner's tutorial.")
    progress_max_body_bytes: int = _setting(65536, number(1024, 16777216), "Bytes of a body.")

    def __post_init__(self) -> None:
        """Name the driver, also in an address that was not read from the environment."""
        if self.database_url:
            object.__setattr__(self, "database_url", database_url(self.database_url))

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str],
        *,
        keys_needed: bool = True,
        database_needed: bool = True,
    ) -> "Settings":
        """Read all settings of the service on its own; an empty value counts as not given.

        Args:
            environment: names and values, such as os.environ.
            keys_needed: whether tokens are to be verified; a migration job holds no keys.
            database_needed: whether anything is to be kept; a token is signed without.

        Raises:
            SettingsError: with one sentence for each fault, all of them at once.
        """
        names = {one: one.name.upper() for one in fields(cls)}
        given = {name: environment.get(name, "") for name in names.values()}
        values, faults = _read_all(names, given)
        if values.get("database_url") is MISSING and not database_needed:
            values["database_url"] = ""
        elif values.get("database_url") is MISSING:
            faults.insert(0, f"DATABASE_URL is missing: it must be {DATABASE.allowed}.")
        faults += _key_faults(values) + _previous_faults(values) if keys_needed else []
        faults += _clashes(values)
        faults += misspelled(environment, names.values()) if faults else []
        return cls(**_sound(values, faults))

    @classmethod
    def of_guest(
        cls, config: Mapping[str, Any], environment: Mapping[str, str], *, lacks: tuple[str, ...]
    ) -> "Settings":
        """Read the settings of a guest in a larger app, whose own names have no prefix.

        Each is called `PROGRESS_` and its name, in the app's config or else in the environment;
        those that begin so keep their names. What the app lacks is also taken from the
        environment by the service's own names, such as DATABASE_URL.

        Args:
            config: the app's.
            environment: names and values, such as os.environ.
            lacks: what the names of those settings begin with, such as `JWT_`.

        Raises:
            SettingsError: with one sentence for each fault, all of them at once.
        """
        names, given = {}, {}
        for one in fields(cls):
            plain = one.name.upper()
            name = _GUEST_PREFIX + plain.removeprefix(_GUEST_PREFIX)
            if plain.startswith(lacks) and name not in config and name not in environment:
                name = plain
            names[one] = name
            told = config.get(name) if name.startswith(_GUEST_PREFIX) else None
            told = environment.get(name, "") if told is None else told
            given[name] = _as_text(name, told) if plain.startswith(_OF_GUESTS) else ""
        values = _sound(*_read_all(names, given))
        if values["database_url"] is MISSING:
            values["database_url"] = ""
        return cls(**values)


def _as_text(name: str, value: Any) -> str:
    # An app's config holds values of any type; text is what the kinds read.
    if isinstance(value, bytes):
        raise SettingsError(f"{name} is bytes; it must be a text.")
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _read_all(
    names: Mapping[Field[Any], str], given: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    faults = []
    for one, name in names.items():
        kind, raw = one.metadata["kind"], given[name]
        values[one.name] = one.default
        if raw.strip():
            try:
                values[one.name] = kind.parse(raw)
            except (ValueError, LookupError):
                # The value itself is not repeated: it may be a secret.
                faults.append(
                    f"{name} has a value that it may not have: it must be {kind.allowed}."
                )
                del values[one.name]
    return values, faults


def _sound(values: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    if faults:
        raise SettingsError("\n".join(faults))
    return values


def _key_faults(values: Mapping[str, Any]) -> list[str]:
    if not {"jwt_algorithm", "jwt_public_key", "jwt_jwks_url"} <= values.keys():
        return []
    algorithm, secret = values["jwt_algorithm"], values["jwt_secret_key"] or ""
    public_keys = [values["jwt_public_key"], values["jwt_jwks_url"]]
    if algorithm not in {*HMAC_SECRET_BYTES, *PUBLIC_KEY_ALGORITHMS}:
        return [f"JWT_ALGORITHM must be {ALGORITHM.allowed}."]
    least = HMAC_SECRET_BYTES.get(algorithm, 0)
    if least and any(public_keys):
        return ["JWT_PUBLIC_KEY and JWT_JWKS_URL need JWT_ALGORITHM to be such as RS256 or ES256."]
    if least and len(secret.encode()) < least:
        needed = f"JWT_SECRET_KEY must be a secret of at least {least} bytes for {algorithm}"
        return [f"{needed}, or JWT_ALGORITHM another and JWT_PUBLIC_KEY or JWT_JWKS_URL given."]
    if not least and all(public_keys) == any(public_keys):
        given = "JWT_PUBLIC_KEY, a public key in PEM, or JWT_JWKS_URL, an http or https address"
        return [f"JWT_ALGORITHM {algorithm} needs either {given}."]
    return []


def _previous_faults(values: Mapping[str, Any]) -> list[str]:
    told = []
    for kind in ("secret", "public"):
        name, previous = f"jwt_{kind}_key", f"jwt_previous_{kind}_key"
        # A key that could not be read is told of already.
        if values.get(previous) and not values.get(name, True):
            needed = f"must be given together with {name.upper()}, which replaces it"
            told.append(f"{previous.upper()} {needed}.")
    secret, algorithm = values.get("jwt_previous_secret_key") or "", values.get("jwt_algorithm")
    least = HMAC_SECRET_BYTES.get(algorithm or "", 0)
    if secret and len(secret.encode()) < least:
        told.append(f"JWT_PREVIOUS_SECRET_KEY must be a secret of at least {least} bytes.")
    return told


def _clashes(values: Mapping[str, Any]) -> list[str]:
    told = []
    if "port" in values and values["port"] == values.get("metrics_port"):
        told.append("METRICS_PORT must be another port than PORT, or 0 for none.")
    if values.get("docs_enabled") and values.get("url_prefix") == DOCS_PATH:
        told.append(f"URL_PREFIX must be another path than {DOCS_PATH}, or DOCS_ENABLED false.")
    if values.get("docs_enabled") and not find_spec(SWAGGER_UI):
        told.append(NO_SWAGGER_UI)
    return told


def check_keys(settings: Settings) -> None:
    """Refuse to start without a key, also where settings were not read from the environment.

    Raises:
        SettingsError: naming what is missing.
    """
    if faults := _key_faults(vars(settings)) + _previous_faults(vars(settings)):
        raise SettingsError("\n".join(faults))
