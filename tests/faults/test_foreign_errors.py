"""What a driver raises that is not its own error, such as for a refusal that is not in UTF-8."""

import logging
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from progress_api import DatabaseUnavailable, ProgressAPI, ProgressRepository, Settings
from progress_api.cli import progress
from tests.client import SECRET, InProcess, Learner
from tests.conftest import MakeApp, new_name, with_scheme
from tests.faults.refusing import refusing
from tests.migrations.database import Database, refusal

DRIVERS = ["postgresql+psycopg2", "postgresql+psycopg"]
# As of a server whose lc_messages is fr_FR.ISO-8859-1, before it knows what the client reads.
SAID = "échec de l'authentification par mot de passe pour l'utilisateur « app »"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a server that refuses in Latin-1."""
    with refusing("28P01", SAID, "latin-1") as listening:
        yield listening


@pytest.fixture(params=DRIVERS)
def address(port: int, request: pytest.FixtureRequest) -> str:
    """The address of that server, for each driver."""
    return f"{request.param}://app@127.0.0.1:{port}/progress"


@pytest.fixture(params=DRIVERS)
def unencodable(request: pytest.FixtureRequest) -> str:
    """An address whose host has no encoding for DNS."""
    return f"{request.param}://app@db..example/progress"


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the service logs of failures, whether or not it passes that on to other handlers."""
    logger = logging.getLogger("progress_api.errors")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_a_refusal_in_latin_1_is_503_and_not_ready(
    make_app: MakeApp, address: str, logged: pytest.LogCaptureFixture
) -> None:
    app = make_app(database_url=address)

    _assert_unavailable(app)

    assert app.test_client().get("/readyz").status_code == 503
    assert "authentification par mot de passe" in logged.text


def test_a_host_name_that_cannot_be_encoded_is_503_and_not_ready(
    make_app: MakeApp, unencodable: str
) -> None:
    app = make_app(database_url=unencodable)

    _assert_unavailable(app)

    assert app.test_client().get("/readyz").status_code == 503


def test_a_refusal_in_latin_1_of_a_hosts_engine_is_503(address: str) -> None:
    app, engine = Flask("host"), create_engine(address, poolclass=NullPool)
    settings = Settings(database_url="", jwt_secret_key=SECRET, ratelimit_enabled=False)

    ProgressAPI(app, engine=engine, settings=settings)

    _assert_unavailable(app)


def test_a_refusal_in_latin_1_of_a_hosts_session_is_a_failure_that_it_can_catch(
    address: str,
) -> None:
    engine = create_engine(address, poolclass=NullPool)

    with Session(engine) as session, pytest.raises(DatabaseUnavailable):
        ProgressRepository(session).get("ada", "intro")


@pytest.mark.parametrize("command", [["migrate"], ["downgrade", "base"], ["check"]])
def test_a_command_that_is_refused_in_latin_1_ends_with_one_sentence(
    address: str, command: list[str]
) -> None:
    sentence = refusal(Database(address).command(*command, JWT_SECRET_KEY=SECRET))

    assert "database" in sentence
    assert command == ["check"] or "authentification par mot de passe" in sentence


def test_a_host_that_is_refused_in_latin_1_migrates_nothing_and_says_so(address: str) -> None:
    app, engine = Flask("host"), create_engine(address, poolclass=NullPool)
    ProgressAPI(app, engine=engine, learner=lambda: "ada")

    sentence = refusal(app.test_cli_runner().invoke(progress, ["migrate"]))

    assert "authentification par mot de passe" in sentence


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("one_trip", [True, False])
def test_what_the_encoding_of_a_hosts_connection_cannot_hold_is_503(
    shared_database: str, driver: str, *, one_trip: bool
) -> None:
    app, address = Flask("host"), with_scheme(shared_database, driver)
    engine = create_engine(f"{address}&client_encoding=latin1", pool_size=1, max_overflow=0)
    settings = Settings(
        database_url="",
        jwt_secret_key=SECRET,
        ratelimit_enabled=False,
        database_one_trip=one_trip,
    )
    ProgressAPI(app, engine=engine, settings=settings)
    learner = Learner(InProcess(app), new_name())

    refused = learner.watch("\N{SNOWMAN}")

    assert (refused.status, refused.body["error"]) == (503, "Service unavailable")
    assert learner.watch("snowman").status == 200
    engine.dispose()


def _assert_unavailable(app: Flask) -> None:
    learner = Learner(InProcess(app), new_name())
    for answer in (learner.get(), learner.watch(), learner.reset()):
        assert (answer.status, answer.body["error"]) == (503, "Service unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert "authentification" not in str(answer.body)
