"""`make revision` writes a migration that `make lint` accepts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from embedded.gunicorn import without_settings
from tests.client import SECRET

DIFFERENCES = """
    ALTER TABLE tutorial_progress ADD a_note_that_nobody_needs jsonb DEFAULT '{}' NOT NULL;
    ALTER TABLE chapter_progress ALTER updated_at SET NOT NULL;
    ALTER TABLE quiz_scores ALTER attempts SET DEFAULT 7;
    ALTER TABLE quiz_scores DROP CONSTRAINT quiz_scores_progress_id_quiz_id_key;
    DROP INDEX idx_tutorial_progress_last_watched;
    DROP TABLE quiz_attempt_keys"""
# As `make lint`, of the one file; what it imports is checked elsewhere, and would take most time.
LINT = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy", "--follow-imports", "skip"),
)


@pytest.fixture
def project(clone: Path, database: str) -> Iterator["Project"]:
    """A clone of the project, and a database at head."""
    project = Project(clone, database)
    yield project
    for written in project.written:
        written.unlink()


class Project:
    """A clone, in which commands are run as in a shell."""

    def __init__(self, directory: Path, database_url: str) -> None:
        self._directory = directory
        self._environment = without_settings(os.environ)
        self._environment |= {"DATABASE_URL": database_url, "JWT_SECRET_KEY": SECRET}
        self.written: list[Path] = []

    def make_revision(self, message: str) -> Path:
        """Return the file that `make revision` names last."""
        # What is installed is older than the clone, and is to stay.
        # `make test` is a make too, in which another one names the directories.
        quiet = ("--no-print-directory", "--old-file", ".venv/.installed")
        options = (*quiet, f"PYTHON={sys.executable}")
        said = self.run("make", *options, "revision", f"m={message}")
        self.written.append(Path(said.splitlines()[-1]))
        return self.written[-1]

    def run(self, *command: str) -> str:
        """Return what a command says that has to succeed."""
        ended = self.end_of(*command)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def end_of(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail."""
        return subprocess.run(
            command,
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.mark.parametrize(
    ("message", "differences"),
    [
        ("add what is missing", ""),
        ('Say "what" it\'s for, twice.', DIFFERENCES),
        ("Add 100% of {what} is #missing: ".ljust(90, "x"), ""),
    ],
    ids=["empty", "full", "long"],
)
def test_make_revision_writes_what_make_lint_accepts(
    message: str, differences: str, project: Project, engine: Engine, clone: Path
) -> None:
    # given
    with engine.begin() as connection:
        connection.execute(text(differences or "SELECT 1"))
    # when
    written = project.make_revision(message)
    # then
    assert written.parent == (clone / "migrations" / "versions").resolve()
    assert bool(differences) == ("op." in written.read_text())
    for tool in LINT:
        project.run(sys.executable, "-m", *tool, str(written))


@pytest.mark.parametrize(
    "message",
    ["", " ", 'Add """ a note', r"Add a \note", "Add a note\nand more", "Add ∂", "A" + 90 * "x"],
    ids=["empty", "blank", "quotes", "backslash", "lines", "not ASCII", "long"],
)
def test_a_message_that_make_lint_would_not_accept_is_refused_and_writes_nothing(
    message: str, project: Project, clone: Path
) -> None:
    versions = clone / "migrations" / "versions"
    before = set(versions.iterdir())

    flask = (sys.executable, "-m", "flask", "--app", "progress_api")
    ended = project.end_of(*flask, "progress", "revision", message)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: The message of a migration must be ")
    assert set(versions.iterdir()) == before
