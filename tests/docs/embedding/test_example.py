"""examples/host_app, started as its README says, with the wheel in an environment of its own."""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from embedded.postgres import Postgres
from tests.conftest import new_database
from tests.docs.installed import Installed, Served

WATCHED = {"watchTime": 60, "completed": True}
PASSED = {"quizId": "exam", "score": 1, "maxScore": 1, "passed": True}
EVENT = {"id": "e1", "type": "quiz", "tutorialId": "algebra", "at": "2026-01-05T10:01:00Z"}


@dataclass
class Browser:
    """Somebody at the school's pages."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def sign_in(self, password: str) -> str:
        """Fill in the form, and return the page that it leads to."""
        form = {"name": "ada", "password": password}
        return self.session.post(f"{self.url}/sign-in", data=form, timeout=30).text

    def course(self) -> str:
        """What the page of the courses says of the first one."""
        page = self.session.get(f"{self.url}/", timeout=30).text
        found = re.search(r'<section id="algebra">.*?<p>(.*?)</p>', page, re.DOTALL)
        assert found, page
        return " ".join(found[1].split())

    def post(self, path: str, body: object = None, **headers: str) -> requests.Response:
        """Post as the page's script does."""
        address = f"{self.url}/progress/algebra/{path}"
        return self.session.post(address, json=body, headers=headers, timeout=30)

    def post_events(self, *events: object) -> requests.Response:
        """Post what was done earlier."""
        body = {"events": events}
        return self.session.post(f"{self.url}/progress", json=body, timeout=30)

    def sit_exam(self, answer: str) -> None:
        """Fill in the exam of the first course."""
        address = f"{self.url}/courses/algebra/exam"
        assert self.session.post(address, data={"answer": answer}, timeout=30).status_code == 200


@dataclass(frozen=True)
class Example:
    """The example in a directory of its own, with nothing else of the project near it."""

    installed: Installed
    address: str

    def run(self, *arguments: str) -> str:
        """What one of its commands prints."""
        return self.installed.run("-m", *arguments, DATABASE_URL=self.address)

    def progress(self, command: str) -> str:
        """What `flask progress …` prints."""
        return self.run("flask", "--app", "campus", "progress", command)


@pytest.fixture(scope="module")
def example(
    installed: Installed, postgres: Postgres, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Example:
    """Copied, and all that it requires installed."""
    directory = tmp_path_factory.mktemp("school") / "host_app"
    generated = shutil.ignore_patterns("__pycache__", "instance")
    shutil.copytree(root / "examples" / "host_app", directory, ignore=generated)
    installed.pip("--requirement", str(directory / "requirements.txt"))
    return Example(Installed(installed.python, directory), _new_address(postgres))


def _new_address(postgres: Postgres) -> str:
    """Of an empty database, as an operator writes it: without a driver."""
    return re.sub(r"\+\w+", "", new_database(postgres, None), count=1)


@pytest.fixture(scope="module")
def served(example: Example, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Started with one command, its metrics where several workers would have them."""
    metrics = str(tmp_path_factory.mktemp("metrics"))
    given = {"DATABASE_URL": example.address, "PORT": "0", "PROMETHEUS_MULTIPROC_DIR": metrics}
    given["PROGRESS_RATELIMIT_COMPLETE"] = "100/minute"  # ada asks in most of the tests
    with example.installed.serving(".", **given) as served:
        yield served


@pytest.fixture(scope="module")
def password(served: Served) -> str:
    """The printed password."""
    found = re.search(r"as ada with the password (\S+)", served.told)
    assert found, served.told
    return found[1]


def _token(served: Served, password: str, name: str = "ada") -> str:
    """The token that the host gives, or the empty text."""
    sent = {"name": name, "password": password}
    answer = requests.post(f"{served.url}/api/token", json=sent, timeout=30)
    return str(answer.json()["token"]) if answer.ok else ""


@pytest.fixture
def ada(served: Served, password: str) -> Iterator[Browser]:
    """A signed-in learner without progress."""
    browser = Browser(served.url)
    assert "Signed in as ada" in browser.sign_in(password)
    yield browser
    browser.session.delete(f"{served.url}/progress/algebra", timeout=30)
    browser.session.close()


def test_what_the_guest_records_is_on_the_hosts_page(ada: Browser) -> None:
    # given
    assert ada.course() == "0% completed: 0 of 2 chapters, exam open."
    # when
    assert ada.post("chapter", {"chapterId": "chapter-1", **WATCHED}).status_code == 200
    # then
    assert ada.course() == "50% completed: 1 of 2 chapters, exam open."


def test_what_the_host_records_itself_counts_and_a_certificate_reaches_its_register(
    ada: Browser,
) -> None:
    # given
    for n in (1, 2):
        ada.post("chapter", {"chapterId": f"chapter-{n}", **WATCHED})
    # when the exam is failed, and then passed
    ada.sit_exam("41")
    assert ada.post("complete").status_code == 400
    ada.sit_exam("42")
    assert "exam passed" in ada.course()
    assert "diploma" not in ada.course()
    assert ada.post("complete").json()["certificateEarned"] is True
    # then
    assert "diploma issued" in ada.course()


def test_a_learner_writes_no_diploma_of_their_own(ada: Browser) -> None:
    # given a browser that posts what it likes
    ada.post("chapter", {"chapterId": "mine", **WATCHED, "totalChapters": 1})
    assert ada.post("complete").status_code == 400
    assert ada.course().startswith("0% completed: 0 of 2 chapters, exam open")
    for n in (1, 2):
        ada.post("chapter", {"chapterId": f"chapter-{n}", **WATCHED})
    assert ada.post("complete").status_code == 400
    # then it passes no exam, by either way in
    assert ada.post("quiz", PASSED).json()["detail"] == "The school grades its exams itself."
    assert ada.post_events({**EVENT, **PASSED}).status_code == 403
    assert ada.course().startswith("100% completed: 2 of 2 chapters, exam open")
    assert ada.post("complete").status_code == 400  # which is what would issue the diploma


def test_a_learner_grades_nothing_with_the_hosts_tokens_either(
    ada: Browser, served: Served, password: str
) -> None:
    bearer = {"Authorization": f"Bearer {_token(served, password)}"}

    def post(path: str, body: object) -> int:
        address = f"{served.url}/api/progress{path}"
        return requests.post(address, json=body, headers=bearer, timeout=30).status_code

    assert post("/algebra/quiz", PASSED) == 403
    assert post("", {"events": [{**EVENT, **PASSED}]}) == 403
    assert post("/algebra/chapter", {"chapterId": "chapter-1", **WATCHED}) == 200
    assert ada.course().startswith("50% completed: 1 of 2 chapters, exam open")


def test_the_api_knows_the_same_learner_by_the_hosts_tokens(
    ada: Browser, served: Served, password: str
) -> None:
    # given
    ada.post("chapter", {"chapterId": "chapter-1", **WATCHED})
    bearer = {"Authorization": f"Bearer {_token(served, password)}"}

    def progress() -> requests.Response:
        return requests.get(f"{served.url}/api/progress/algebra", headers=bearer, timeout=30)

    # then
    assert progress().json()["completionPercentage"] == 50
    # ... until the host revokes it.
    requests.delete(f"{served.url}/api/token", headers=bearer, timeout=30)
    assert progress().status_code == 401


def test_nobody_comes_in_by_another_door(ada: Browser, served: Served) -> None:
    stranger = Browser(served.url)
    assert "Wrong name or password" in stranger.sign_in("guessed")
    assert stranger.post("complete").status_code == 401
    # ... and no other site's page uses the learner's cookie.
    assert ada.post("complete", Origin="http://127.0.0.1:1").status_code == 403
    assert ada.post("complete", Origin=served.url).status_code == 404
    sit_exam = ada.session.post(
        f"{served.url}/courses/algebra/exam", headers={"Origin": "null"}, timeout=30
    )
    assert sit_exam.status_code == 403


def test_a_guess_takes_as_long_for_an_unknown_name_as_for_a_known_one(served: Served) -> None:
    def seconds(name: str) -> float:
        began = time.perf_counter()
        assert _token(served, "guessed", name) == ""
        return time.perf_counter() - began

    unknown, known = (min(seconds(name) for _ in range(3)) for name in ("nobody", "ada"))
    assert unknown > known / 3


def test_the_hosts_metrics_hold_the_guests(ada: Browser, served: Served) -> None:
    ada.post("complete")

    exposed = requests.get(f"{served.url}/metrics", timeout=30).text

    assert 'progress_api_requests_total{endpoint="/progress/<tutorial_id>/complete"' in exposed
    assert "flask_http_request_total" in exposed


def test_its_migrations_and_the_packages_leave_each_other_alone(
    example: Example, postgres: Postgres
) -> None:
    # given the two jobs of a deployment
    fresh = Example(example.installed, _new_address(postgres))
    fresh.run("alembic", "upgrade", "head")
    for_each_mount = fresh.progress("migrate")
    assert for_each_mount.count("The database is at progress_") == 2
    # then neither finds anything to do, or anything of the other's
    assert "No new upgrade operations detected" in fresh.run("alembic", "check")
    fresh.progress("check")
    fresh.run("alembic", "downgrade", "base")
    fresh.progress("check")


def test_its_secrets_are_its_own_and_stay(example: Example, served: Served) -> None:
    assert served.told
    kept = sorted((example.installed.directory / "instance").iterdir())
    assert [path.name for path in kept] == ["session", "tokens"]
    assert all(len(path.read_text()) >= 64 for path in kept)
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
