"""`flask progress …`: what each command needs, does and refuses."""

import shutil
import subprocess
import time
from pathlib import Path

import jwt
import pytest
from click.testing import CliRunner

from progress_api import Settings, create_app
from progress_api.cli import progress, service
from progress_api.schema.migrate import head
from tests.client import PREFIX, SECRET, InProcess, Learner
from tests.conftest import SCHEME, with_scheme
from tests.migrations.database import (
    PROCESS,
    SETTINGS,
    Database,
    Rows,
    refusal,
    run_in,
    succeeded,
)

SCHEMES = ("postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg")
KEY = {"JWT_SECRET_KEY": SECRET}
NOWHERE = Database(f"{SCHEME}://app:hunter2@127.0.0.1:1/nowhere")


def test_the_database_alone_is_enough_to_migrate(empty: Database) -> None:
    assert succeeded(empty.command("migrate")) == f"The database is at {head()}."


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_way_to_write_the_address_migrates_and_serves(scheme: str, empty: Database) -> None:
    # given
    address = with_scheme(empty.url, scheme)
    # when
    succeeded(empty.command("migrate", DATABASE_URL=address))
    # then
    app = create_app(Settings.from_environment({"DATABASE_URL": address, **KEY}))
    ada = Learner(InProcess(app), "ada")
    assert app.test_client().get("/readyz").status_code == 200
    assert ada.watch(completed=True, totalChapters=1).body["completionPercentage"] == 100
    assert ada.answer_quiz().status == ada.complete().status == ada.reset().status == 200
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def test_migrate_without_a_database_is_refused(empty: Database) -> None:
    assert refusal(empty.command("migrate", DATABASE_URL="")).startswith("DATABASE_URL is missing")


@pytest.mark.parametrize("command", [["migrate"], ["downgrade", "progress_0001"], ["check"]])
def test_a_database_that_is_not_there_is_one_sentence(command: list[str]) -> None:
    # when
    sentence = refusal(NOWHERE.command(*command, **KEY))
    # then
    assert "database" in sentence
    assert "hunter2" not in sentence


def test_a_downgrade_to_an_unknown_revision_is_one_sentence(at_head: Database) -> None:
    assert "7777" in refusal(at_head.command("downgrade", "7777"))


def test_check_is_silent_when_all_is_well(at_head: Database) -> None:
    succeeded(at_head.command("check", **KEY))


def test_check_refuses_settings_that_the_service_would_refuse(at_head: Database) -> None:
    assert "JWT_SECRET_KEY" in refusal(at_head.command("check"))


def test_check_refuses_a_public_key_that_the_service_would_refuse(at_head: Database) -> None:
    forged = "-----BEGIN PUBLIC KEY-----\\naHVudGVyMg==\\n-----END PUBLIC KEY-----"
    elsewhere = {"JWT_ALGORITHM": "RS256", "JWT_PUBLIC_KEY": forged}
    assert "JWT_PUBLIC_KEY" in refusal(at_head.command("check", **elsewhere))


@pytest.mark.parametrize("kind", ["empty", "by_hand"])
def test_check_reports_that_a_database_is_not_migrated(
    kind: str, request: pytest.FixtureRequest
) -> None:
    database: Database = request.getfixturevalue(kind)
    assert "progress-api migrate" in refusal(database.command("check", **KEY))


def test_check_reports_what_differs_in_one_sentence(migrated: Database) -> None:
    # given
    migrated.run("ALTER TABLE tutorial_progress ADD note text")
    # when, then
    assert "note" in refusal(migrated.command("check", **KEY))


def test_a_token_opens_the_service_for_its_learner_for_a_day(empty: Database) -> None:
    # when
    told = succeeded(empty.command("token", "alice", **KEY))
    # then
    claims = jwt.decode(told, SECRET, ["HS256"])
    assert set(claims) == {"sub", "iat", "exp"}
    assert claims["sub"] == "alice"
    assert claims["exp"] - claims["iat"] == 86400
    assert abs(claims["iat"] - time.time()) < 60


def test_a_token_holds_what_the_settings_ask_for(at_head: Database) -> None:
    # given
    environment = {
        "JWT_SECRET_KEY": SECRET * 2,
        "JWT_ALGORITHM": "HS512",
        "JWT_DECODE_AUDIENCE": "tutorials",
        "JWT_DECODE_ISSUER": "https://id.example",
        "JWT_IDENTITY_CLAIM": "learner",
    }
    # when
    told = succeeded(at_head.command("token", "alice", "--scope", "a b", **environment))
    # then
    claims = jwt.decode(told, SECRET * 2, ["HS512"], audience="tutorials")
    assert (claims["learner"], claims["scope"], "sub" in claims) == ("alice", "a b", False)
    assert (claims["aud"], claims["iss"]) == ("tutorials", "https://id.example")
    # ... and the service with these settings takes it.
    app = create_app(Settings.from_environment({"DATABASE_URL": at_head.url, **environment}))
    bearer = {"Authorization": f"Bearer {told}"}
    answer = app.test_client().get(f"{PREFIX}/intro", headers=bearer)
    assert (answer.status_code, answer.get_json()["userId"]) == (200, "alice")
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def test_a_token_lasts_as_long_as_is_asked(empty: Database) -> None:
    told = succeeded(empty.command("token", "alice", "--seconds", "90", **KEY))
    claims = jwt.decode(told, SECRET, ["HS256"])
    assert claims["exp"] - claims["iat"] == 90


def test_a_token_is_not_made_where_others_sign(empty: Database) -> None:
    # given
    elsewhere = {"JWT_ALGORITHM": "RS256", "JWT_JWKS_URL": "https://id.example/keys"}
    # when, then
    assert "JWT_SECRET_KEY" in refusal(empty.command("token", "alice", **elsewhere))


def test_a_token_needs_no_database(empty: Database) -> None:
    told = succeeded(empty.command("token", "alice", DATABASE_URL="", **KEY))
    assert jwt.decode(told, SECRET, ["HS256"])["sub"] == "alice"


def test_a_token_without_a_key_is_refused(empty: Database) -> None:
    assert "JWT_SECRET_KEY" in refusal(empty.command("token", "alice"))


def test_the_settings_command_prints_a_line_for_each_and_needs_none_set() -> None:
    # when
    result = CliRunner().invoke(progress, ["settings"], env=dict.fromkeys(SETTINGS))
    # then
    heading, rule, *lines = succeeded(result).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    assert {len(line) for line in cells} == {4}
    assert [line[0] for line in cells] == [f"`{name}`" for name in SETTINGS]
    assert all(allowed and says for _, _, allowed, says in cells)
    assert ["`PORT`", "`8000`", "1 to 65535"] in [line[:3] for line in cells]
    assert dict.fromkeys(rule) == dict.fromkeys("| -")
    assert heading.startswith("| setting |")


def test_the_operators_command_has_what_flask_has_for_the_service_and_serves() -> None:
    listed = succeeded(CliRunner().invoke(service, ["--help"]))

    shared = {"migrate", "check", "distribute", "token", "settings"}
    _, _, commands = listed.partition("Commands:\n")
    # Groups of commands have lines of their own.
    groups = {"certificate", "outline"}
    of_data = {"erase", "export", "recount", "report"}
    assert {line.split()[0] for line in commands.splitlines()} == shared | groups | of_data | {
        "serve"
    }
    for name in shared:
        help_of = [CliRunner().invoke(one, [name, "--help"]) for one in (service, progress)]
        told = [succeeded(one).partition("\n")[2] for one in help_of]
        assert told[0] == told[1]


def test_revision_writes_the_next_migration_and_it_runs(
    migrated: Database, root: Path, tmp_path: Path
) -> None:
    # given
    next_number = f"progress_{int(head()[-4:]) + 1:04d}"
    shutil.copytree(root / "progress_api", tmp_path / "progress_api")
    migrated.run("ALTER TABLE tutorial_progress ADD note text")
    # when
    *_, said, migration = run_in(tmp_path, migrated, ["revision", "Drop the note"], ["migrate"])
    written = Path(said)
    # then
    assert written.parent == tmp_path / "progress_api" / "migrations" / "versions"
    assert written.name == f"{next_number}_drop_the_note.py"
    assert written.read_text().startswith('"""Drop the note."""\n')
    assert 'op.add_column("tutorial_progress"' in written.read_text().replace("'", '"')
    # ... and it does what differed.
    assert next_number in migration
    assert ("note",) not in _columns(migrated)


def test_revision_of_a_database_that_is_not_migrated_is_one_sentence(empty: Database) -> None:
    assert refusal(empty.command("revision", "Do what nobody will see"))


def test_an_operator_at_a_prompt_sees_no_stack_trace(by_hand: Database) -> None:
    # given
    by_hand.run("ALTER TABLE tutorial_progress ADD note text")
    # when
    ended = subprocess.run(
        [*PROCESS, "migrate"],
        env=by_hand.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    # then
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("Error: The tables differ")
    assert ended.stderr.count("\n") == 1


def test_a_command_closes_its_connections(at_head: Database) -> None:
    # given a driver that, if asked to, warns of a connection that is left open
    environment = at_head.environment() | {
        "DATABASE_URL": with_scheme(at_head.url, "postgresql+psycopg"),
        "PYTHONWARNINGS": "default::ResourceWarning",
        **KEY,
    }
    # when
    ended = subprocess.run(
        [*PROCESS, "check"], env=environment, capture_output=True, text=True, check=False
    )
    # then
    assert (ended.returncode, ended.stderr) == (0, "")


def _columns(database: Database) -> Rows:
    return database.ask("SELECT column_name FROM information_schema.columns")
