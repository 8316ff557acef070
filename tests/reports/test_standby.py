"""Reports on a real streaming standby (spec 15.7)."""

from pathlib import Path

import pytest

from embedded.postgres import Postgres, Standby
from progress_api import SettingsError
from tests.client import InProcess, Learner
from tests.conftest import MakeApp, new_name, with_scheme
from tests.reports.conftest import as_csv, as_teacher, learners, new_tutorial, pupil, report
from tests.serving.service import until


def test_a_report_reads_the_standby_and_if_it_is_away_learners_do_not_notice(
    make_app: MakeApp, database: str, tmp_path: Path, postgres: Postgres
) -> None:
    name = database.partition("?")[0].rpartition("/")[2]
    with Standby(tmp_path / "standby", postgres) as standby:
        address = with_scheme(standby.url(name))
        app = make_app(database_url=database, report_database_url=address)
        teacher = as_teacher(Learner(InProcess(app), new_name(), new_tutorial()))
        ada = pupil(teacher, "ada")
        ada.watch("one", 10)

        until(lambda: report(teacher)["learners"] == 1)
        assert learners(teacher).body["items"][0]["userId"] == ada.name
        assert ada.name in as_csv(app, teacher, "/learners").text

    answers = [teacher.send("GET", "/report"), learners(teacher)]
    assert [(one.status, one.headers["Retry-After"]) for one in answers] == [(503, "1")] * 2
    assert as_csv(app, teacher, "/learners").status_code == 503
    assert ada.watch("one", 20).status == 200
    assert app.test_client().get("/readyz").status_code == 200


def test_an_invalid_address_of_the_standby_is_not_blamed_on_the_database(
    make_app: MakeApp, database: str
) -> None:
    with pytest.raises(SettingsError, match=r'^REPORT_DATABASE_URL must be .*"colour"'):
        make_app(database_url=database, report_database_url=f"{database}&colour=red")
