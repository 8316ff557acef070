"""What is secret is in no log, no answer, no metric and no command line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sqlalchemy import NullPool, create_engine, text

from embedded.gunicorn import without_settings
from embedded.local import ROOT
from embedded.postgres import Postgres
from embedded.valkey import Valkey
from tests.client import PREFIX, Answer, Learner, token
from tests.conftest import SCHEME, new_database
from tests.serving.raw import exchange
from tests.serving.service import Serve, Service, Wire, new_address, until

PASSWORD = "p4ssw0rd-of-the-database"
STORE_PASSWORD = "p4ssw0rd-of-the-store"
KEY = "s3cret-that-signs-tokens-of-more-than-32-bytes"
SECRETS = (PASSWORD, STORE_PASSWORD, KEY)
_FAILING = (
    "ALTER TABLE tutorial_progress ALTER certificate_earned TYPE text",
    "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''%'', NEW; END'",
    "CREATE TRIGGER fail BEFORE INSERT ON quiz_scores FOR EACH ROW EXECUTE FUNCTION fail()",
)


@pytest.fixture(scope="module")
def spoiled(serve: Serve, postgres: Postgres, valkey: Valkey) -> Service:
    """A service that tells as much as it can, and whose database and store fail."""
    address = new_database(postgres)
    engine = create_engine(address, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in _FAILING:
            connection.execute(text(statement))
    engine.dispose()
    return serve(
        DATABASE_URL=with_password(address),
        JWT_SECRET_KEY=KEY,
        # It has no password, and refuses whoever gives one.
        RATELIMIT_STORAGE_URI=valkey.url.replace("://", f"://:{STORE_PASSWORD}@"),
        LOG_LEVEL="DEBUG",
        METRICS_PUBLIC="true",
    )


@pytest.fixture(scope="module")
def unreachable(serve: Serve) -> Service:
    """One whose database and store are not there at all."""
    return serve(
        DATABASE_URL=f"{SCHEME}://app:{PASSWORD}@127.0.0.1:1/progress",
        JWT_SECRET_KEY=KEY,
        RATELIMIT_STORAGE_URI=f"valkey://:{STORE_PASSWORD}@127.0.0.1:1",
        LOG_LEVEL="DEBUG",
    )


def with_password(address: str) -> str:
    """The same address with a password, which is not asked for."""
    return address.replace("app@", f"app:{PASSWORD}@")


def signed_in(service: Service) -> Learner:
    """A learner whose token is signed with the secret of these services."""
    name = service.learner().name
    return service.learner(name=name, headers={"Authorization": f"Bearer {token(name, key=KEY)}"})


def provoke(service: Service) -> tuple[list[str], list[Answer]]:
    """Ask for all that goes wrong; return the tokens that were sent, and the answers."""
    learner, stranger = signed_in(service), Wire(service, new_address())
    tokens = [token(sub, key=KEY) for sub in (f"{learner.name}\x00", "x" * 300, 7, None)]
    tokens += [token(learner.name, key=KEY, exp=1), token(learner.name), token(learner.name) + "x"]
    sent = [{"Authorization": f"{scheme} {one}"} for scheme in ("Bearer", "JWT") for one in tokens]
    answers = [stranger.send("GET", f"{PREFIX}/intro", one) for one in sent]
    answers += [learner.watch(), learner.answer_quiz(), learner.complete(), learner.reset()]
    answers += [learner.get(), learner.watch(userId="another"), learner.watch(seconds="x")]
    answers += [Wire(service).send("GET", path) for path in ("/readyz", "/nothing")]
    bearer = learner.headers["Authorization"]
    for line in (f"Authorization: {bearer}\x00", f"Authorization {bearer}", f"A{bearer}: \x01"):
        exchange(service, f"GET / HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n".encode())
    return [*tokens, bearer.partition(" ")[2]], answers


def command_lines(service: Service) -> str:
    """What `ps` shows of it, to whoever is on the machine."""
    head = psutil.Process(service.process.pid)
    processes = (head, *head.children(recursive=True))
    return "".join(Path(f"/proc/{one.pid}/cmdline").read_text() for one in processes)


@pytest.mark.parametrize("name", ["spoiled", "unreachable"])
def test_whatever_goes_wrong_no_secret_and_no_token_is_shown(
    name: str, request: pytest.FixtureRequest
) -> None:
    service: Service = request.getfixturevalue(name)

    tokens, answers = provoke(service)

    statuses = {answer.status for answer in answers}
    assert statuses >= ({500, 401, 403, 400} if name == "spoiled" else {503, 401, 404})
    told = [f"{answer.body}{dict(answer.headers.items())}" for answer in answers]
    shown = [service.log.read_text(), service.scrape()[1], command_lines(service), *told]
    assert all(shown)
    for text_shown in shown:
        assert [one for one in (*SECRETS, *tokens) if one in text_shown] == []
        assert not re.search(r"eyJ\w{8}", text_shown)
    assert "served-" not in shown[0]  # nor is a learner


def test_no_secret_is_shown_at_a_reload_or_at_the_end(spoiled: Service) -> None:
    before = {worker.pid for worker in spoiled.workers()}
    master = psutil.Process(spoiled.process.pid)

    master.send_signal(1)
    until(lambda: before.isdisjoint(worker.pid for worker in spoiled.workers()))
    shown = spoiled.log.read_text() + command_lines(spoiled)

    assert [one for one in SECRETS if one in shown] == []


@pytest.mark.parametrize(
    "settings",
    [
        {"DATABASE_URL": f"mysql://app:{PASSWORD}@127.0.0.1/x", "JWT_SECRET_KEY": KEY},
        {"DATABASE_URL": f"postgresql://app:{PASSWORD}@127.0.0.1/x", "JWT_SECRET_KEY": KEY[:9]},
        {"DATABASE_URL": f"postgresql://app:{PASSWORD}@[/x", "JWT_SECRET_KEY": KEY},
        {"RATELIMIT_STORAGE_URI": f"ftp://:{STORE_PASSWORD}@x", "JWT_ALGORITHM": KEY},
        {"JWT_PUBLIC_KEY": KEY, "JWT_ALGORITHM": "RS256"},
    ],
)
def test_a_setting_that_stops_the_start_is_not_repeated(settings: dict[str, str]) -> None:
    usual = {"DATABASE_URL": f"postgresql://app:{PASSWORD}@127.0.0.1:1/x"}
    done = run(sys.executable, "wsgi.py", **usual | settings)

    assert done.returncode != 0
    assert done.stderr
    assert "Traceback" not in done.stderr
    told = done.stdout + done.stderr
    assert [one for one in (*SECRETS, KEY[:9]) if one in told] == []


@pytest.mark.parametrize("command", ["migrate", "check", "settings"])
def test_a_command_that_fails_shows_no_secret(command: str) -> None:
    address = f"{SCHEME}://app:{PASSWORD}@127.0.0.1:1/progress"
    flask = (sys.executable, "-m", "flask", "--app", "progress_api", "progress")
    done = run(*flask, command, DATABASE_URL=address, JWT_SECRET_KEY=KEY)

    assert (done.returncode == 0) == (command == "settings")
    told = done.stdout + done.stderr
    assert "Traceback" not in told
    assert [one for one in SECRETS if one in told] == []


def run(*command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command here with these settings."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env=without_settings(os.environ) | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
