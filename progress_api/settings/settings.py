"""Define every setting, and read the settings from the environment or a host app's config."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from progress_api.settings.consistency import (
    certificate_faults,
    conflicts,
    key_faults,
    previous_key_faults,
)
from progress_api.settings.environment import misspelled
from progress_api.settings.reading import as_text, define, parsed, read_all, reject
from progress_api.settings.setting_types import (
    ALGORITHM,
    BOOLEAN,
    DATABASE,
    HOST,
    LEVEL,
    LIMIT,
    LOCATIONS,
    NAME,
    ORIGINS,
    PATH,
    PEM,
    PEMS,
    PRIVATE_PEM,
    PUBLIC_URL,
    SECRET,
    STORE,
    TEXT,
    URL,
    WORD,
    number,
)

DEFAULT_PREFIX = "/v1/tutorials/progress"
_HOST_APP_PREFIX = "PROGRESS_"
# Their values are also checked and rewritten if they are given in Python.
_SEVERAL_SPELLINGS = (DATABASE, ORIGINS, PEM, PUBLIC_URL, STORE)
# A host app decides the others. PROGRESS_PORT, for one, may be set for an unrelated program.
_IN_A_HOST_APP = (
    *("CERTIFICATE_", "DATABASE_", "JWT_", "MIGRATE_", "PROGRESS_", "PUBLIC_URL", "RATELIMIT_"),
    *("REPORT_", "URL_", "WEB_THREADS"),
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of a service. The environment variable of each is its name in capitals."""

    database_url: str = define(MISSING, DATABASE, "The PostgreSQL database.")
    database_timeout: int = define(
        2000, number(100, 60000), "Timeout of a statement, in milliseconds."
    )
    database_one_trip: bool = define(
        True,
        BOOLEAN,
        "Send each write in one round trip. Set to false behind a pooler in transaction mode.",
    )
    migrate_timeout: int = define(
        300, number(1, 86400), "Seconds that a migration waits for its locks."
    )
    url_prefix: str = define(DEFAULT_PREFIX, PATH, "Path prefix of the endpoints.")
    host: str = define("127.0.0.1", HOST, "Address to listen on.")
    port: int = define(8000, number(1, 65535), "Port to listen on.")
    web_concurrency: int = define(2, number(1, 256), "Number of worker processes.")
    web_threads: int = define(
        4, number(1, 256), "Threads, and database connections, of each worker."
    )
    jwt_algorithm: str = define(
        "HS256", ALGORITHM, "The only accepted signature algorithm of tokens."
    )
    jwt_secret_key: str | None = define(None, SECRET, "Shared secret that verifies HS tokens.")
    jwt_previous_secret_key: str | None = define(
        None, SECRET, "Previous secret, still accepted while keys are rotated."
    )
    jwt_public_key: str | None = define(None, PEM, "Public key that verifies RS, ES or PS tokens.")
    jwt_previous_public_key: str | None = define(
        None, PEM, "Previous public key, still accepted while keys are rotated."
    )
    jwt_jwks_url: str | None = define(
        None, URL, "Address of the JWK set with the public keys, instead of JWT_PUBLIC_KEY."
    )
    jwt_decode_audience: str | None = define(None, TEXT, "Expected `aud` claim.")
    jwt_decode_issuer: str | None = define(None, TEXT, "Expected `iss` claim.")
    jwt_decode_leeway: int = define(0, number(0, 600), "Tolerated clock difference, in seconds.")
    jwt_identity_claim: str = define("sub", WORD, "The claim with the id of the learner.")
    jwt_token_location: tuple[str, ...] = define(
        ("headers",), LOCATIONS, "Where a request carries its token."
    )
    ratelimit_enabled: bool = define(True, BOOLEAN, "Enable rate limits.")
    ratelimit_storage_uri: str = define("memory://", STORE, "Where rate limits are counted.")
    ratelimit_get: str = define("60/minute", LIMIT, "Limit of reading progress.")
    ratelimit_chapter: str = define("30/minute", LIMIT, "Limit of posting chapters.")
    ratelimit_quiz: str = define("10/minute", LIMIT, "Limit of posting quizzes.")
    ratelimit_complete: str = define("5/minute", LIMIT, "Limit of completing tutorials.")
    ratelimit_reset: str = define("5/minute", LIMIT, "Limit of resetting progress.")
    ratelimit_list: str = define("60/minute", LIMIT, "Limit of listing tutorials.")
    ratelimit_events: str = define("30/minute", LIMIT, "Limit of posting events.")
    ratelimit_outline: str = define("30/minute", LIMIT, "Limit of reading and writing outlines.")
    ratelimit_certificate: str = define("60/minute", LIMIT, "Limit of each use of certificates.")
    ratelimit_report: str = define("10/minute", LIMIT, "Limit of reading reports.")
    report_timeout: int = define(
        30, number(1, 600), "Seconds that a report may take in the database."
    )
    report_database_url: str | None = define(
        None, DATABASE, "Database that reports read, such as a standby, instead of DATABASE_URL."
    )
    public_url: str | None = define(
        None, PUBLIC_URL, "Address at which the public reaches the service, without URL_PREFIX."
    )
    certificate_issuer_name: str | None = define(
        None, TEXT, "Name of the issuer of certificates, as their pages show it."
    )
    certificate_private_key: str | None = define(
        None, PRIVATE_PEM, "Key that signs certificates as Open Badges 3.0 credentials."
    )
    certificate_previous_public_keys: tuple[str, ...] = define(
        (), PEMS, "Public keys of earlier credentials, which stay published."
    )
    cors_origins: tuple[str, ...] = define((), ORIGINS, "Origins whose pages may call the service.")
    trusted_proxies: int = define(
        0, number(0, 10), "Number of proxies in front whose X-Forwarded-For and -Proto are trusted."
    )
    require_https: bool = define(False, BOOLEAN, "Reject plain HTTP, and send HSTS.")
    metrics_host: str = define("127.0.0.1", HOST, "Address that /metrics listens on.")
    metrics_port: int = define(
        9464, number(0, 65535), "Port that /metrics listens on; 0 disables it."
    )
    metrics_public: bool = define(False, BOOLEAN, "Serve /metrics on PORT as well.")
    docs_enabled: bool = define(False, BOOLEAN, "Serve interactive documentation at /docs.")
    log_level: str = define("INFO", LEVEL, "Lowest level that is logged.")
    progress_admin_scope: str = define(
        "progress:admin", WORD, "Scope whose holder may act for any learner."
    )
    progress_sticky_completion: bool = define(
        False, BOOLEAN, "Keep a completed chapter completed, whatever is posted later."
    )
    progress_author_scope: str = define("progress:author", WORD, "Scope that writes outlines.")
    progress_report_scope: str = define("progress:report", WORD, "Scope that reads reports.")
    progress_schema: str | None = define(None, NAME, "PostgreSQL schema of the tables.")
    progress_max_chapters: int = define(
        1000,
        number(1, 10000),
        "Maximum number of chapters of one learner in one tutorial, in its outline or not.",
    )
    progress_max_quizzes: int = define(
        1000,
        number(1, 10000),
        "Maximum number of quizzes of one learner in one tutorial, in its outline or not.",
    )
    progress_max_body_bytes: int = define(
        65536, number(1024, 16777216), "Maximum size of a request body, in bytes."
    )
    progress_max_events: int = define(
        500, number(1, 1000), "Maximum number of events in one request."
    )
    progress_max_events_bytes: int = define(
        262144, number(1024, 67108864), "Maximum size of a request body with events, in bytes."
    )
    progress_max_outline_bytes: int = define(
        8388608, number(1024, 67108864), "Maximum size of the body of an outline, in bytes."
    )

    def __post_init__(self) -> None:
        """Check and rewrite a value of several spellings; raise SettingsError if it is invalid."""
        for setting in fields(self):
            name, value = setting.name.upper(), getattr(self, setting.name)
            if value and setting.metadata["type"] in _SEVERAL_SPELLINGS:
                allowed = parsed(setting, name, as_text(name, value))
                object.__setattr__(self, setting.name, allowed)

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str],
        *,
        keys_needed: bool = True,
        database_needed: bool = True,
    ) -> "Settings":
        """Read the settings of the standalone service; an empty value means the default.

        Args:
            environment: variables by name, such as `os.environ`.
            keys_needed: require a key that verifies tokens; a migration needs none.
            database_needed: require `DATABASE_URL`; signing a token needs none.

        Raises:
            SettingsError: one sentence for each missing or invalid setting (spec 9.8).
        """
        names = {setting: setting.name.upper() for setting in fields(cls)}
        texts = {name: environment.get(name, "") for name in names.values()}
        values, faults = read_all(names, texts)
        if values.get("database_url") is MISSING and not database_needed:
            values["database_url"] = ""
        elif values.get("database_url") is MISSING:
            faults.insert(0, f"DATABASE_URL is missing: it must be {DATABASE.description}.")
        faults += key_faults(values) + previous_key_faults(values) if keys_needed else []
        faults += certificate_faults(values) + conflicts(values)
        faults += misspelled(environment, names.values()) if faults else []
        reject(faults)
        return cls(**values)

    @classmethod
    def of_guest(
        cls, config: Mapping[str, Any], environment: Mapping[str, str], *, lacks: tuple[str, ...]
    ) -> "Settings":
        """Read the settings of a `ProgressAPI` in a host app; their names begin with `PROGRESS_`.

        A name without that prefix gets it. Each setting is read from the app's config, or else
        from the environment. Settings of what the app lacks are also read from the environment by
        their plain names, such as `DATABASE_URL`.

        Args:
            config: the config of the app.
            environment: variables by name, such as `os.environ`.
            lacks: first parts of the names of those settings, such as `JWT_`.

        Raises:
            SettingsError: one sentence for each invalid setting.
        """
        names, texts = {}, {}
        for setting in fields(cls):
            plain = setting.name.upper()
            name = _HOST_APP_PREFIX + plain.removeprefix(_HOST_APP_PREFIX)
            if plain.startswith(lacks) and name not in config and name not in environment:
                name = plain
            names[setting] = name
            value = config.get(name) if name.startswith(_HOST_APP_PREFIX) else None
            value = environment.get(name, "") if value is None else value
            texts[name] = as_text(name, value) if plain.startswith(_IN_A_HOST_APP) else ""
        values, faults = read_all(names, texts)
        reject(faults)
        if values["database_url"] is MISSING:
            values["database_url"] = ""
        return cls(**values)


def check_keys(settings: Settings) -> None:
    """Check the keys, also of settings that were not read from the environment (spec 4.3).

    Raises:
        SettingsError: one sentence for each missing or invalid key.
    """
    reject(key_faults(vars(settings)) + previous_key_faults(vars(settings)))
