"""The learners of a tutorial, in pages and as CSV (spec 15.4 to 15.6, 15.9)."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from tests.client import PREFIX, Learner
from tests.conftest import MakeApp, MakeLearner
from tests.reports.conftest import (
    all_learners,
    as_csv,
    as_teacher,
    learners,
    new_tutorial,
    pupil,
    report,
)


@pytest.fixture
def crowd(teacher: Learner, shared_database: str) -> Iterator[list[str]]:
    """2,500 learners, of which the last one has completed the tutorial."""
    ids = [f"crowd-{number:04}-{teacher.tutorial}" for number in range(2500)]
    engine = create_engine(shared_database)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO tutorial_progress (tutorial_id, user_id, completion_percentage) "
                "SELECT :tutorial, id, CASE id WHEN :last THEN 100 ELSE 50 END "
                "FROM unnest(CAST(:ids AS text[])) id"
            ),
            {"tutorial": teacher.tutorial, "ids": ids, "last": ids[-1]},
        )
    yield ids
    engine.dispose()


def test_pages_have_each_learner_once_by_user_id(teacher: Learner, crowd: list[str]) -> None:
    found = [one["userId"] for one in all_learners(teacher, limit=999)]

    assert found == crowd


def test_a_page_of_one_status_looks_at_some_learners_at_most(
    teacher: Learner, crowd: list[str]
) -> None:
    first = learners(teacher, "?status=completed").body
    second = learners(teacher, f"?status=completed&cursor={first['next']}").body

    assert first["items"] == []
    assert [one["userId"] for one in second["items"]] == [crowd[-1]]
    assert second["next"] is None
    in_progress = [one["userId"] for one in all_learners(teacher, "in_progress", 700)]
    assert in_progress == crowd[:-1]


def test_a_tutorial_that_nobody_has_begun_has_no_learners(teacher: Learner) -> None:
    assert learners(teacher).body == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=x", "limit"),
        ("?status=done", "status"),
        ("?cursor=x", "cursor"),
        ("?cursor=", "cursor"),
        ("?cursor=W10", "cursor"),
    ],
)
def test_an_invalid_argument_is_named(teacher: Learner, query: str, field: str) -> None:
    answer = learners(teacher, query)

    assert (answer.status, list(answer.body["fields"])) == (400, [field])


def test_a_cursor_is_for_its_tutorial_and_status(teacher: Learner) -> None:
    for name in "abc":
        pupil(teacher, name).watch()
    cursor = learners(teacher, "?limit=1").body["next"]
    other = as_teacher(Learner(teacher.transport, "other", new_tutorial()))

    assert learners(teacher, f"?cursor={cursor}").status == 200
    assert learners(teacher, f"?status=completed&cursor={cursor}").status == 400
    assert learners(other, f"?cursor={cursor}").status == 400


def test_a_cursor_that_is_damaged_anywhere_is_refused(teacher: Learner) -> None:
    for name in "ab":
        pupil(teacher, name).watch()
    cursor = learners(teacher, "?limit=1").body["next"]
    damaged = {cursor[:n] + cursor[n + 1 :] for n in range(len(cursor))}
    damaged |= {
        f"{cursor[:n]}{'B' if cursor[n] == 'A' else 'A'}{cursor[n + 1 :]}"
        for n in range(len(cursor))
    }

    found = {one: learners(teacher, f"?cursor={one}").status for one in damaged}

    assert {one for one, status in found.items() if status != 400} == set()


def test_all_learners_are_one_table(service: Flask, teacher: Learner, crowd: list[str]) -> None:
    response = as_csv(service, teacher, "/learners?limit=1")
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "Content-Length" not in response.headers
    assert [row["userId"] for row in rows] == crowd
    assert rows[0] == {
        "userId": crowd[0],
        "completionPercentage": "50",
        "chaptersCompleted": "0",
        "totalChapters": "0",
        "quizzesPassed": "0",
        "certificateEarned": "false",
        "totalWatchTime": "0",
        "lastWatchedAt": "",
    }
    # ... and the turn has ended.
    assert report(teacher)["learners"] == len(crowd)


def test_a_table_of_a_status_has_those_learners(
    service: Flask, teacher: Learner, crowd: list[str]
) -> None:
    response = as_csv(service, teacher, "/learners?status=completed")

    assert [row["userId"] for row in csv.DictReader(response.text.splitlines())] == [crowd[-1]]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t'=1"),
        ("a;=1", "a;'=1"),
        ('a; "=1', "a;' \"=1"),
        ('a"\r\n=1', "a\"\r\n'=1"),
        ("a;b;c-1", "a;b;c-1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ('a,"b"\r\nc', 'a,"b"\r\nc'),
        ("a=1", "a=1"),
        ("é🚀", "é🚀"),
    ],
)
def test_a_cell_is_never_a_formula(service: Flask, teacher: Learner, name: str, cell: str) -> None:
    Learner(teacher.transport, name, teacher.tutorial).watch()

    response = as_csv(service, teacher, "/learners")

    (row,) = csv.DictReader(io.StringIO(response.text, newline=""))
    assert row["userId"] == cell
    assert response.data.endswith(b"\r\n")


def test_a_client_that_names_csv_beside_anything_gets_csv(service: Flask, teacher: Learner) -> None:
    headers = {**teacher.headers, "Accept": "text/csv, */*"}
    path = f"{PREFIX}/{teacher.tutorial}/learners"

    assert service.test_client().get(path, headers=headers).mimetype == "text/csv"


def test_a_wrong_status_of_a_table_is_an_error_in_json(service: Flask, teacher: Learner) -> None:
    response = as_csv(service, teacher, "/learners?status=done")

    found: Any = response.json
    assert (response.status_code, list(found["fields"])) == (400, ["status"])


def test_a_client_that_accepts_anything_gets_json(service: Flask, teacher: Learner) -> None:
    for accept in ("*/*", "application/json, text/csv", "text/html"):
        headers = {**teacher.headers, "Accept": accept}
        path = f"{PREFIX}/{teacher.tutorial}/learners"
        found: Any = service.test_client().get(path, headers=headers).json
        assert found["items"] == []


def test_a_table_that_is_asked_for_or_left_early_ends_its_turn(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    app = make_app()
    teacher = as_teacher(make_learner(app, tutorial=new_tutorial()))
    headers = {**teacher.headers, "Accept": "text/csv"}
    client, path = FlaskClient(app, app.response_class), f"{PREFIX}/{teacher.tutorial}/learners"

    response = client.get(path, headers=headers, buffered=False)
    busy = teacher.send("GET", "/report")
    response.close()

    assert (busy.status, busy.body["error"]) == (503, "Service unavailable")
    assert busy.headers["Retry-After"] == "6"
    assert teacher.send("GET", "/report").status == 200
    client.head(path, headers=headers).close()
    assert teacher.send("GET", "/report").status == 200
