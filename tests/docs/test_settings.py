"""Every setting: its default, its bounds, and the one sentence that refuses a bad value."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from progress_api import Settings, create_app
from progress_api.exceptions import SettingsError
from tests.client import SECRET

GIVEN = {"DATABASE_URL": "postgresql://app:hunter2@db.example/progress", "JWT_SECRET_KEY": SECRET}
RS256 = {"JWT_ALGORITHM": "RS256", "JWT_SECRET_KEY": ""}
PASSWORD = "hunter2"

DEFAULTS = {
    "database_timeout": 2000,
    "database_one_trip": True,
    "migrate_timeout": 300,
    "url_prefix": "/v1/tutorials/progress",
    "host": "127.0.0.1",
    "port": 8000,
    "web_concurrency": 2,
    "web_threads": 4,
    "jwt_algorithm": "HS256",
    "jwt_previous_secret_key": None,
    "jwt_public_key": None,
    "jwt_previous_public_key": None,
    "jwt_jwks_url": None,
    "jwt_decode_audience": None,
    "jwt_decode_issuer": None,
    "jwt_decode_leeway": 0,
    "jwt_identity_claim": "sub",
    "jwt_token_location": ("headers",),
    "ratelimit_enabled": True,
    "ratelimit_storage_uri": "memory://",
    "report_timeout": 30,
    "report_database_url": None,
    "public_url": None,
    "certificate_issuer_name": None,
    "certificate_private_key": None,
    "certificate_previous_public_keys": (),
    "cors_origins": (),
    "trusted_proxies": 0,
    "require_https": False,
    "metrics_host": "127.0.0.1",
    "metrics_port": 9464,
    "metrics_public": False,
    "docs_enabled": False,
    "log_level": "INFO",
    "progress_admin_scope": "progress:admin",
    "progress_author_scope": "progress:author",
    "progress_report_scope": "progress:report",
    "progress_sticky_completion": False,
    "progress_schema": None,
    "progress_max_chapters": 1000,
    "progress_max_quizzes": 1000,
    "progress_max_body_bytes": 65536,
    "progress_max_events": 500,
    "progress_max_events_bytes": 262144,
    "progress_max_outline_bytes": 8388608,
}
BOUNDS = {
    "DATABASE_TIMEOUT": (100, 60000),
    "REPORT_TIMEOUT": (1, 600),
    "PORT": (1, 65535),
    "WEB_CONCURRENCY": (1, 256),
    "WEB_THREADS": (1, 256),
    "JWT_DECODE_LEEWAY": (0, 600),
    "TRUSTED_PROXIES": (0, 10),
    "METRICS_PORT": (0, 65535),
    "PROGRESS_MAX_CHAPTERS": (1, 10000),
    "PROGRESS_MAX_QUIZZES": (1, 10000),
    "PROGRESS_MAX_BODY_BYTES": (1024, 16777216),
    "PROGRESS_MAX_EVENTS": (1, 1000),
    "PROGRESS_MAX_EVENTS_BYTES": (1024, 67108864),
    "PROGRESS_MAX_OUTLINE_BYTES": (1024, 67108864),
}
BOOLEANS = [name.upper() for name, default in DEFAULTS.items() if isinstance(default, bool)]
# Every other setting of a name like these is the limit of one endpoint.
ABOUT_ALL_LIMITS = {"ratelimit_enabled", "ratelimit_storage_uri"}
LIMITS = [
    field.name.upper()
    for field in fields(Settings)
    if field.name.startswith("ratelimit_") and field.name not in ABOUT_ALL_LIMITS
]
LIMITS_OF_THE_GUIDE = {
    "RATELIMIT_GET": "60/minute",
    "RATELIMIT_CHAPTER": "30/minute",
    "RATELIMIT_QUIZ": "10/minute",
    "RATELIMIT_COMPLETE": "5/minute",
    "RATELIMIT_RESET": "5/minute",
}
GOOD = {
    "URL_PREFIX": ["/progress", "/api/v1/tutorials/progress", "/~a.b_c-d"],
    "JWT_TOKEN_LOCATION": ["headers", "cookies", "headers,cookies", " cookies , headers "],
    "RATELIMIT_STORAGE_URI": ["valkey://h:1/0", "valkeys://h", "redis://h", "rediss://h"],
    "CORS_ORIGINS": ["https://app.example", "http://localhost:3000, https://b.example"],
    "LOG_LEVEL": ["DEBUG", "INFO", "WARNING", "ERROR"],
    **{name: ["1/second", "100 per hour", "3/2 hours", "10 per 5 minute"] for name in LIMITS},
}
BAD = {
    "DATABASE_URL": [
        "hunter2",
        "postgres:hunter2",
        "mysql://u:hunter2@h/db",
        "sqlite:///hunter2",
        "postgresql+asyncpg://u:hunter2@h/db",
        "postgresql://u:hunter2@h:port/db",
    ],
    "REPORT_DATABASE_URL": ["hunter2", "mysql://u:hunter2@h/db"],
    "URL_PREFIX": ["/", "v1", "/v1/", "/a//b", "/v1?x", "/<id>", "/a b", "https://h/v1", "/é"],
    "HOST": ["a b"],
    "METRICS_HOST": ["a b"],
    "JWT_ALGORITHM": ["none", "hs256", "HS1", "HS256,RS256"],
    "JWT_SECRET_KEY": ["short-" + PASSWORD, "s" * 31, "\u00e9" * 15],
    "JWT_PREVIOUS_SECRET_KEY": ["short-" + PASSWORD, "s" * 31],
    "JWT_JWKS_URL": ["ftp://id.example", "id.example/keys", "https://", "https://a b"],
    "JWT_PUBLIC_KEY": [PASSWORD, "-----BEGIN PUBLIC KEY-----"],
    "JWT_PREVIOUS_PUBLIC_KEY": [PASSWORD, "-----BEGIN PUBLIC KEY-----"],
    "JWT_IDENTITY_CLAIM": ["a b"],
    "JWT_TOKEN_LOCATION": ["query_string", "headers;cookies", "json", ","],
    "RATELIMIT_STORAGE_URI": [
        "localhost:6379",
        "memcached://h",
        "valkey://:hunter2@h:port",
        "valkey:hunter2",
        "valkey+cluster://h:7000",
        "redis+sentinel://h:26379",
    ],
    "CORS_ORIGINS": [
        "*",
        "app.example",
        "null",
        "https://a https://b",
        "ftp://a.example",
        "https://",
        "https:///",
        "https://a.example/path",
        "https://a.example//",
        "https://a.example?x",
        "https://a.example#x",
        "https://*.example",
        "https://hunter2@a.example",
        "https://a.example:port",
        "https://a.example:0",
        "https://[::1",
        "https://[::x]",
        "https://b\u00fccher.example",  # a browser says xn--bcher-kva.example
    ],
    "LOG_LEVEL": ["LOUD", "info", "10"],
    "PROGRESS_ADMIN_SCOPE": ["a b"],
    **{name: ["maybe", "2", "tru", "y es"] for name in BOOLEANS},
    **{name: ["30", "many", "0/minute", "-1/minute", "1.5/minute", "9/year"] for name in LIMITS},
    **{name: ["eight", "1.5", "1e3", "0x10", "NaN", "-1", "9" * 30] for name in BOUNDS},
}


def test_every_setting_has_the_default_that_is_written_here() -> None:
    # when
    settings = Settings.from_environment(GIVEN)
    # then
    found = {one.name: getattr(settings, one.name) for one in fields(Settings)}
    assert found.pop("jwt_secret_key") == SECRET
    assert found.pop("database_url").endswith("://app:hunter2@db.example/progress")
    limits = {name: found.pop(name.lower()) for name in LIMITS}
    assert found == DEFAULTS
    assert limits.items() >= LIMITS_OF_THE_GUIDE.items()


@pytest.mark.parametrize("name", BOUNDS)
def test_a_number_reaches_from_its_least_to_its_most(name: str) -> None:
    # given
    least, most = BOUNDS[name]
    # when, then
    for value in (least, most):
        assert getattr(_settings({name: str(value)}), name.lower()) == value
    for beyond in (least - 1, most + 1):
        sentence = _refusal({name: str(beyond)})
        assert f"{least} to {most}" in sentence


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in GOOD.items() for v in values])
def test_a_good_value_starts_the_service(name: str, value: str) -> None:
    create_app(_settings({name: value}))


@pytest.mark.parametrize("name", BOOLEANS)
def test_a_switch_is_turned_by_a_word(name: str) -> None:
    for word in ("true", "True", "TRUE", "1", "yes", "on"):
        assert getattr(_settings({name: word}), name.lower()) is True
    for word in ("false", "False", "0", "no", "off"):
        assert getattr(_settings({name: word}), name.lower()) is False


def test_several_values_are_parted_by_commas() -> None:
    origins = _settings(
        {"CORS_ORIGINS": " https://a.example ,https://b.example:8443,"}
    ).cors_origins
    assert origins == ("https://a.example", "https://b.example:8443")


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://app.example/", "https://app.example"),
        ("HTTPS://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("https://app.example:443/", "https://app.example"),
        ("https://app.example:", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("https://app.example:80", "https://app.example:80"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://localhost:03000/", "http://localhost:3000"),
        ("http://[0:0::1]:80", "http://[::1]"),
        ("http://[2001:DB8:0::1]:3000/", "http://[2001:db8::1]:3000"),
        ("https://app.example.", "https://app.example."),
    ],
)
def test_an_origin_is_kept_as_a_browser_sends_it(written: str, sent: str) -> None:
    assert _settings({"CORS_ORIGINS": written}).cors_origins == (sent,)


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_a_bad_value_is_one_sentence_that_names_its_setting_and_not_the_value(
    name: str, value: str
) -> None:
    # given
    elsewhere = RS256 if name in ("JWT_JWKS_URL", "JWT_PUBLIC_KEY") else {}
    if name == "JWT_PREVIOUS_PUBLIC_KEY":
        elsewhere = RS256 | {"JWT_PUBLIC_KEY": _pem(rsa.generate_private_key(65537, 2048))}
    # when
    sentence = _refusal({**elsewhere, name: value})
    # then
    assert sentence.startswith(f"{name} ")
    assert " must be " in sentence
    assert sentence.endswith(".")
    assert PASSWORD not in sentence
    assert len(value) < 3 or f" {value} " not in sentence.removeprefix(name)


def test_all_faults_are_listed_at_once() -> None:
    # given
    faulty = {"DATABASE_URL": "", "PORT": "x", "LOG_LEVEL": "x", "JWT_SECRET_KEY": ""}
    # when
    with pytest.raises(SettingsError) as refused:
        _settings(faulty)
    # then
    sentences = refused.value.detail.splitlines()
    assert sorted(sentence.split()[0] for sentence in sentences) == sorted(faulty)


@pytest.mark.parametrize(
    ("clashing", "told"),
    [
        ({"PORT": "9464"}, "METRICS_PORT"),
        ({"URL_PREFIX": "/docs", "DOCS_ENABLED": "true"}, "URL_PREFIX"),
    ],
)
def test_two_settings_that_take_one_place_are_refused(clashing: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=f"^{told} must be another"):
        _settings(clashing)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("DATABASE_URI", "DATABASE_URL"),
        ("database_url", "DATABASE_URL"),
        ("JWT_SECRT_KEY", "JWT_SECRET_KEY"),
        ("WEB_CONCURENCY", "WEB_CONCURRENCY"),
        ("RATE_LIMIT_STORAGE_URI", "RATELIMIT_STORAGE_URI"),
        ("CORS_ORIGIN", "CORS_ORIGINS"),
    ],
)
def test_a_refusal_also_names_the_setting_that_a_variable_is_nearly_called(
    name: str, setting: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        _settings({"PORT": "x", name: PASSWORD})

    _, hint = refused.value.detail.splitlines()
    assert hint == f"{name} is not a setting and has no effect. Did you mean {setting}?"


def test_the_variables_of_others_are_not_taken_for_misspelled_settings() -> None:
    others = "HOSTNAME HOSTS PORTS POSTGRES_HOST DATABASE_USER DATABASE_HOST DATABASE_PORT PGHOST"
    others += " PATH HOME LOGNAME LC_ALL no_proxy PROMETHEUS_MULTIPROC_DIR FLASK_APP JAVA_HOME"
    others += (
        " PROGRESS_API_PORT PROGRESS_API_SERVICE_HOST DATABASE_PORT_5432_TCP GUNICORN_CMD_ARGS"
    )

    sentence = _refusal({"PORT": "x", **dict.fromkeys(others.split(), "of others")})

    assert sentence.startswith("PORT ")


@pytest.mark.parametrize("nothing", ["", " ", "\t\n"])
def test_an_empty_value_counts_as_not_given(nothing: str) -> None:
    names = {one.name.upper() for one in fields(Settings)} - GIVEN.keys()
    assert _settings(dict.fromkeys(names, nothing)) == Settings.from_environment(GIVEN)
    for name in GIVEN:
        assert name in _refusal({name: nothing})


def test_the_secret_has_at_least_the_bytes_of_its_algorithm() -> None:
    for algorithm, least in {"HS256": 32, "HS384": 48, "HS512": 64}.items():
        given = {"JWT_ALGORITHM": algorithm}
        _settings(given | {"JWT_SECRET_KEY": "\u00e9" * (least // 2)})
        sentence = _refusal(given | {"JWT_SECRET_KEY": "s" * (least - 1)})
        assert "JWT_SECRET_KEY" in sentence
        assert f"{least} bytes" in sentence


def test_a_public_key_or_its_address_is_needed_where_others_sign() -> None:
    key, address = _pem(rsa.generate_private_key(65537, 2048)), "https://id.example/keys"
    for given in ({}, {"JWT_PUBLIC_KEY": key, "JWT_JWKS_URL": address}):
        assert "JWT_PUBLIC_KEY" in _refusal(RS256 | given)
    create_app(_settings(RS256 | {"JWT_PUBLIC_KEY": key}))
    create_app(_settings(RS256 | {"JWT_PUBLIC_KEY": key.replace("\n", "\\n")}))
    create_app(_settings(RS256 | {"JWT_JWKS_URL": address}))
    # ... and is not taken for the secret of an algorithm that has one.
    assert "JWT_ALGORITHM" in _refusal({"JWT_PUBLIC_KEY": key})


def test_what_only_looks_like_a_public_key_is_refused() -> None:
    forged = "-----BEGIN PUBLIC KEY-----\naHVudGVyMg==\n-----END PUBLIC KEY-----"
    of_another_kind = _pem(ec.generate_private_key(ec.SECP256R1()))
    good = _pem(rsa.generate_private_key(65537, 2048))
    for key in (forged, of_another_kind):
        assert "JWT_PUBLIC_KEY" in _refusal(RS256 | {"JWT_PUBLIC_KEY": key})
        both = RS256 | {"JWT_PUBLIC_KEY": good, "JWT_PREVIOUS_PUBLIC_KEY": key}
        assert _refusal(both).startswith("JWT_PREVIOUS_PUBLIC_KEY must be a public key in PEM")


def test_a_key_was_replaced_by_one_that_is_given_too() -> None:
    key = _pem(rsa.generate_private_key(65537, 2048))
    published = RS256 | {"JWT_JWKS_URL": "https://id.example/keys"}
    for given, name in ((published, "PUBLIC"), ({"JWT_PUBLIC_KEY": key} | RS256, "SECRET")):
        previous = {f"JWT_PREVIOUS_{name}_KEY": key}
        told = f"JWT_PREVIOUS_{name}_KEY must be given together with JWT_{name}_KEY, "
        assert _refusal(given | previous).startswith(told)
    unread = {"JWT_PUBLIC_KEY": PASSWORD, "JWT_PREVIOUS_PUBLIC_KEY": key}
    assert _refusal(RS256 | unread).startswith("JWT_PUBLIC_KEY ")


@pytest.mark.parametrize("algorithm", ["PS384", "none", ""])
def test_an_unknown_algorithm_is_refused_wherever_settings_come_from(algorithm: str) -> None:
    settings = Settings(
        database_url=GIVEN["DATABASE_URL"], jwt_secret_key=SECRET, jwt_algorithm=algorithm
    )

    with pytest.raises(SettingsError, match="JWT_ALGORITHM must be one of HS256, "):
        create_app(settings)


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
def test_an_option_that_no_database_knows_is_refused(driver: str) -> None:
    address = f"{driver}://app:{PASSWORD}@db.example/progress?sslmode=require&application_nam=x"

    sentence = _refusal({"DATABASE_URL": address})

    assert sentence.startswith("DATABASE_URL must be ")
    assert "application_nam" in sentence
    assert PASSWORD not in sentence


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://app@/progress?host=/run/postgresql&port=5433",
        "postgresql://app@/progress?host=a:5432&host=b:5433&target_session_attrs=read-write",
        "postgresql+psycopg://app@h/progress?sslmode=verify-full&sslrootcert=system&keepalives=1",
        "postgresql://app@h/progress?options=-c%20search_path%3Dours",
    ],
)
def test_an_option_that_libpq_knows_is_taken(address: str) -> None:
    create_app(_settings({"DATABASE_URL": address}))


def test_no_secret_is_shown_with_the_settings() -> None:
    settings = _settings({"RATELIMIT_STORAGE_URI": "valkey://:hunter2@store.example"})
    for shown in (repr(settings), str(settings), f"{settings}"):
        assert PASSWORD not in shown
        assert SECRET not in shown
        assert "8000" in shown


def test_the_service_reads_its_settings_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    # given
    for name, value in {"DATABASE_URL": database, "JWT_SECRET_KEY": SECRET}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("URL_PREFIX", "/from/the/environment")
    # when
    client = create_app().test_client()
    # then
    assert client.get("/from/the/environment/intro").status_code == 401
    assert client.get("/v1/tutorials/progress/intro").status_code == 404
    # ... and refuses to start where they are not given.
    monkeypatch.delenv("JWT_SECRET_KEY")
    with pytest.raises(SettingsError, match="JWT_SECRET_KEY"):
        create_app()


@pytest.mark.parametrize(
    ("config", "name", "value"),
    [
        ("gunicorn.conf.py", "JWT_SECRET_KEY", "short-" + PASSWORD),
        ("/dev/null", "DATABASE_URL", "mysql://u:hunter2@h/db"),
    ],
)
def test_gunicorn_ends_with_one_sentence_and_does_not_start_workers_for_ever(
    config: str, name: str, value: str, root: Path, tmp_path: Path
) -> None:
    """With the project's configuration, which reads the settings, and with wsgi.py alone."""
    # given
    environment = os.environ | GIVEN | {"HOME": str(tmp_path), "METRICS_PORT": "0", name: value}
    command = [sys.executable, "-m", "gunicorn", "-c", config, "-b", "127.0.0.1:0", "wsgi:app"]
    # when
    ended = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    # then
    told = ended.stdout + ended.stderr
    assert ended.returncode not in (0, None)
    assert told.count(f"{name} ") == 1
    if config != "/dev/null":  # or gunicorn has a log of its own
        assert told.startswith(f"{name} must be")
        assert len(told.splitlines()) == 1
    assert "Traceback" not in told
    assert PASSWORD not in told


def _settings(environment: Mapping[str, str]) -> Settings:
    return Settings.from_environment(GIVEN | dict(environment))


def _refusal(environment: Mapping[str, str]) -> str:
    """The one sentence with which the service refuses to start."""
    with pytest.raises(SettingsError) as refused:
        create_app(_settings(environment))
    (sentence,) = refused.value.detail.splitlines()
    return sentence


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, kind).decode()
