"""Certificates and outlines are counted, and no raw address is a label."""

from flask import Flask

from tests.certificates.conftest import earn, look, revoke
from tests.client import PREFIX
from tests.conftest import MakeApp, MakeLearner, new_name
from tests.outlines.conftest import outline, put, with_scope


def counted(app: Flask, name: str) -> float:
    """The sum of a metric over its labels."""
    text = app.test_client().get("/metrics").text
    lines = [line for line in text.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_what_happens_to_certificates_and_outlines_is_counted(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    app = make_app(metrics_public=True)
    student = make_learner(app, tutorial=f"counted-{new_name()}")
    author = with_scope(student, "progress:author")
    # when
    author.send("DELETE", "/outline")  # there is none
    put(author, outline("chapter-0"))
    certificate_id = earn(student)["certificateId"]
    student.reset()
    earn(student)
    look(app, certificate_id)
    for _ in range(3):  # the first of them alone
        revoke(student, certificate_id)
    look(app, certificate_id)
    look(app, "0" * 26)
    # then
    assert counted(app, "progress_outlines_written_total") == 1
    assert counted(app, "progress_certificates_earned_total") == 2
    assert counted(app, "progress_certificates_issued_total") == 1
    assert counted(app, 'progress_certificates_checked_total{status="valid"}') == 1
    assert counted(app, 'progress_certificates_checked_total{status="revoked"}') == 1
    assert counted(app, "progress_certificates_revoked_total") == 1
    # ... and the route has no converter of Werkzeug's in it.
    route = f'api_requests_total{{endpoint="{PREFIX}/certificates/<certificate_id>"'
    assert counted(app, route) == 3
