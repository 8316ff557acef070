"""What an operator writes into DATABASE_URL is what each connection has."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlencode

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from embedded.ports import free_port
from embedded.postgres import Postgres
from progress_api import Settings
from tests.client import SECRET, InProcess, Learner
from tests.conftest import MakeApp, MakeLearner, new_database, new_name, with_scheme
from tests.migrations.database import Database, refusal, succeeded

DRIVERS = ["postgresql+psycopg2", "postgresql+psycopg"]
OURS = {
    "application_name": "progress-api",
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "enable_nestloop": "on",
    "geqo": "on",
    "lock_timeout": "2000",
    "statement_timeout": "2000",
    "TimeZone": "UTC",
}
NOTE = """
    CREATE TABLE seen (name text, setting text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO seen SELECT name, setting FROM pg_settings; RETURN NEW; END$$;
    CREATE TRIGGER note BEFORE INSERT ON chapter_progress
    FOR EACH ROW EXECUTE FUNCTION note()"""

Query = list[tuple[str, str]]
Connected = Callable[[str, Query], dict[str, str]]

GIVEN: list[tuple[Query, dict[str, str]]] = [
    ([], {}),
    ([("options", "-c geqo=off")], {"geqo": "off"}),
    (
        [("options", "-c geqo=off"), ("options", "-c enable_nestloop=off")],
        {"geqo": "off", "enable_nestloop": "off"},
    ),
    (
        [("options", r"-cgeqo=off --enable-nestloop=off -c TimeZone=Asia/\Tokyo")],
        {"geqo": "off", "enable_nestloop": "off", "TimeZone": "Asia/Tokyo"},
    ),
    ([("options", "-c statement_timeout=5000")], {"statement_timeout": "5000"}),
    ([("application_name", "grades at school")], {"application_name": "grades at school"}),
    ([("application_name", "a"), ("application_name", "b")], {"application_name": "b"}),
    ([("connect_timeout", "9"), ("connect_timeout", "8"), ("keepalives", "1")], {}),
    ([("client_encoding", "latin1")], {}),
    (
        [("host", "/nowhere:5432"), ("host", "{host}:{port}"), ("application_name", "far")],
        {"application_name": "far"},
    ),
    (
        [("options", "-c geqo=off"), ("host", "/nowhere,{host}"), ("port", "5432,{port}")],
        {"geqo": "off"},
    ),
]


@pytest.fixture(scope="module")
def connected(postgres: Postgres, make_app: MakeApp) -> Iterator[Connected]:
    """Return the settings of a connection on which a service writes."""
    database = new_database(postgres)
    engine = create_engine(database, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(NOTE)

    def connect(driver: str, given: Query) -> dict[str, str]:
        app = make_app(database_url=_address(database, driver, given))
        assert Learner(InProcess(app), new_name()).watch("\N{SNOWMAN}").status == 200
        with engine.begin() as connection:
            rows = connection.execute(text("DELETE FROM seen RETURNING name, setting")).all()
        return {name: setting for name, setting in rows if name in OURS}

    yield connect
    engine.dispose()


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(("given", "changed"), GIVEN)
def test_a_connection_has_what_its_address_says_and_defaults_for_the_rest(
    connected: Connected, driver: str, given: Query, changed: dict[str, str]
) -> None:
    assert connected(driver, given) == OURS | changed


@pytest.mark.parametrize("driver", [*DRIVERS, "postgres", "postgresql"])
@pytest.mark.parametrize(
    "written",
    [
        "127.0.0.1:{closed},{host}:{port}/{database}",
        "[::1]:{closed},{host}:{port}/{database}?application_name=far",
        "{host}:{port},elsewhere.invalid/{database}",
    ],
)
def test_several_hosts_are_tried_in_turn_where_they_are_written_as_libpq_has_them(
    make_app: MakeApp, make_learner: MakeLearner, shared_database: str, driver: str, written: str
) -> None:
    # given
    url = make_url(shared_database)
    host, port = quote(str(url.query["host"]), safe=""), url.query["port"]
    rest = written.format(host=host, port=port, database=url.database, closed=free_port())
    # when
    app = make_app(database_url=f"{driver}://{url.username}@{rest}")
    # then
    assert make_learner(app).watch().status == 200


def test_the_ports_of_hosts_without_any_come_from_the_query_or_the_environment() -> None:
    settings = Settings(database_url="postgresql://u@one,two/db?port=5433")

    assert settings.database_url == "postgresql+psycopg2://u@one,two/db?port=5433"


@pytest.mark.parametrize(
    "hosts", ["one:5432,two:0", "one:65536,two", "one:a,two", "one,:5432", "one:1:2,two", "one:1,"]
)
def test_several_hosts_of_which_one_is_none_are_refused(shared_database: str, hosts: str) -> None:
    ended = Database(shared_database).command(
        "check", DATABASE_URL=f"postgresql://u:secret@{hosts}/db", JWT_SECRET_KEY=SECRET
    )

    assert refusal(ended).startswith("DATABASE_URL has a value that is not allowed")
    assert "secret" not in ended.output.replace("JWT_SECRET_KEY", "")


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_libpq_takes_from_the_environment_counts_where_the_address_says_nothing(
    connected: Connected, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c geqo=off")
    monkeypatch.setenv("PGAPPNAME", "from outside")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    given = [("options", "-c enable_nestloop=off"), ("application_name", "named")]

    outside = {"geqo": "off", "application_name": "from outside"}
    assert connected(driver, []) == OURS | outside
    named = {"enable_nestloop": "off", "application_name": "named"}
    assert connected(driver, given) == OURS | named


@pytest.mark.parametrize("driver", DRIVERS)
def test_commands_connect_as_the_address_says(postgres: Postgres, driver: str) -> None:
    # given a schema that only the address names
    database = Database(new_database(postgres, None))
    database.run("CREATE SCHEMA learning")
    given = [("options", "-c geqo=off"), ("options", "-c search_path=learning")]
    # when
    succeeded(database.command("migrate", DATABASE_URL=_address(database.url, driver, given)))
    # then
    schemas = database.ask("SELECT schemaname FROM pg_tables WHERE tablename = 'quiz_scores'")
    assert schemas == [("learning",)]


def test_a_connection_is_waited_for_as_long_as_the_address_says(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    # given a server that accepts and never answers
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = f"app@127.0.0.1:{server.getsockname()[1]}/progress?connect_timeout=3"
        learners = [make_learner(make_app(database_url=f"{one}://{silent}")) for one in DRIVERS]

        def waited(n: int) -> float:
            began = time.monotonic()
            assert learners[n].get().status == 503
            return time.monotonic() - began

        with ThreadPoolExecutor() as pool:
            seconds = list(pool.map(waited, range(len(learners))))

    assert min(seconds) > 2.8  # where it says nothing 2 s are enough


def _address(database: str, driver: str, given: Query) -> str:
    """The address of the same database, with these parameters."""
    url = make_url(with_scheme(database, driver))
    own = {name: str(value) for name, value in url.query.items()}
    query = [(name, value.format_map(own)) for name, value in given]
    if "host" not in dict(given):
        query += own.items()
    return f"{driver}://{url.username}@/{url.database}?{urlencode(query)}"
