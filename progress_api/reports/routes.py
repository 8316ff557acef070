"""The endpoints of reports, for teachers (spec 15.1 to 15.9)."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import chain

from flask import Response

from progress_api.exceptions import InvalidFields, ReportsBusy
from progress_api.progress.selects.pages import STATUSES
from progress_api.reports.capacity import ReportSlot
from progress_api.reports.pages import MAX_LIMIT
from progress_api.reports.records import (
    ChapterReport,
    LearnerPage,
    LearnerSummary,
    QuizReport,
    Report,
)
from progress_api.reports.repository import ReportRepository
from progress_api.reports.schemas import (
    LearnerList,
    TutorialReport,
    learners_json,
    report_json,
)
from progress_api.reports.sheets import MEDIA_TYPE, learners_csv, report_csv
from progress_api.web.arguments import read_body, read_query
from progress_api.web.endpoint import Access, Endpoint, Tag
from progress_api.web.fields import NO_BODY, TutorialPath, page_query
from progress_api.web.responses import is_preferred, json_response, new_response
from progress_api.web.state import service

_QUERY = page_query("learners", "tutorial", STATUSES, MAX_LIMIT)


def report(tutorial_id: str) -> Response:
    """Return what all learners did in a tutorial (spec 15.1)."""
    read_body(NO_BODY)
    with service(ReportSlot).held():
        counted = service(ReportRepository).report(tutorial_id)
    if is_preferred(MEDIA_TYPE):
        return _csv(report_csv(counted))
    return _varied(json_response(report_json(counted)))


def learners(tutorial_id: str) -> Response:
    """Return a page of a tutorial's learners, or all of them as CSV (spec 15.4, 15.6)."""
    read_body(NO_BODY)
    query = read_query(_QUERY)
    if is_preferred(MEDIA_TYPE):
        return _stream(tutorial_id, query["status"])
    with service(ReportSlot).held():
        page = service(ReportRepository).learners(tutorial_id, **query)
    return _varied(json_response(learners_json(page)))


def _stream(tutorial_id: str, status: str) -> Response:
    """Return all learners; the end of the response frees the slot, also if the client goes away."""
    with ExitStack() as stack:
        stack.enter_context(service(ReportSlot).held())
        pages = service(ReportRepository).all_learners(tutorial_id, status=status)
        first = next(pages)  # what fails at once is an error response
        slot = stack.pop_all()
    response = _csv(learners_csv(_items(chain((first,), pages), slot)))
    response.call_on_close(slot.close)  # if it is not read to its end
    return response


def _items(pages: Iterable[LearnerPage], slot: ExitStack) -> Iterator[tuple[LearnerSummary, ...]]:
    with slot:
        for page in pages:
            yield page.items


def _csv(body: bytes | Iterable[bytes]) -> Response:
    return _varied(new_response(body, mimetype=MEDIA_TYPE))


def _varied(response: Response) -> Response:
    response.vary.add("Accept")
    return response


_NOW = datetime(2026, 1, 5, 10, 5, tzinfo=UTC)
_REPORT = Report(
    tutorial_id="python-basics",
    title="Python basics",
    learners=3,
    active_learners=2,
    completed_learners=1,
    certificates=1,
    average_percentage=66.7,
    total_watch_time=1860,
    chapters=(
        ChapterReport("variables", "Variables", 3, 3, 300.0, 1),
        ChapterReport("functions", "Functions", 2, 1, 480.0, 1),
    ),
    quizzes=(QuizReport("final", "Final quiz", 2, 1, 1.5, 75.0),),
    as_of=_NOW,
)
_LEARNER = LearnerSummary(
    "alice", 50, 1, 2, 0, certificate_earned=False, total_watch_time=420, last_watched_at=_NOW
)
_endpoint = partial(
    Endpoint,
    method="GET",
    access=Access.TEACHER,
    limit="ratelimit_report",
    tag=Tag("reports", "What the learners of a tutorial did, for teachers."),
    path=TutorialPath(),
    body=NO_BODY,
    media_types=("application/json", MEDIA_TYPE),
)

ENDPOINTS = (
    _endpoint(
        name="report",
        rule="/<tutorial_id>/report",
        view=report,
        operation_id="getReport",
        summary="Report what the learners of a tutorial did",
        description="It counts what each learner's progress says. As CSV it has a row for the "
        "tutorial, and one for each chapter and quiz.",
        response=TutorialReport(),
        response_example=report_json(_REPORT),
        failures=(ReportsBusy(),),
    ),
    _endpoint(
        name="learners",
        rule="/<tutorial_id>/learners",
        view=learners,
        operation_id="listLearners",
        summary="List the learners of a tutorial",
        description="By userId. A page may have fewer items than the limit; the last one has a "
        "`next` of null. As CSV it has all learners in one response.",
        query=_QUERY,
        response=LearnerList(),
        response_example=learners_json(LearnerPage((_LEARNER,), None)),
        failures=(ReportsBusy(), InvalidFields({"limit": ["Must be a whole number, 1 to 1000."]})),
    ),
)
