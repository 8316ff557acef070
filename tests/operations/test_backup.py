"""A dump is restored into a new database, and the service goes on with it."""

import subprocess
from pathlib import Path

from sqlalchemy import make_url

from embedded.postgres import Postgres
from tests.client import InProcess, Learner
from tests.conftest import MakeApp, new_database


def test_a_restored_dump_holds_what_was_recorded(
    postgres: Postgres, database: str, make_app: MakeApp, tmp_path: Path
) -> None:
    ada = Learner(InProcess(make_app(database_url=database)), "ada")
    ada.complete_chapters(2, of=2)
    ada.answer_quiz(headers={"Idempotency-Key": "a"})
    before = ada.complete().body
    restored = new_database(postgres, None)
    dump = tmp_path / "progress.dump"

    _run(postgres, "pg_dump", "--format=custom", f"--file={dump}", _libpq(database))
    options = ("--exit-on-error", "--no-owner", f"--dbname={_libpq(restored)}")
    _run(postgres, "pg_restore", *options, str(dump))

    app = make_app(database_url=restored)
    ada = Learner(InProcess(app), "ada")
    assert ada.progress() == before
    assert app.test_client().get("/readyz").status_code == 200
    repeated = ada.answer_quiz(headers={"Idempotency-Key": "a"})
    assert repeated.body["quizScores"][0]["attempts"] == 1


def _libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _run(server: Postgres, name: str, *arguments: str) -> None:
    subprocess.run([server.executable.with_name(name), *arguments], check=True, timeout=60)
