"""The list of a learner's tutorials (spec 11.1)."""

from datetime import UTC, datetime

from flask import Response

from progress_api.listing.schemas import TutorialList, list_json
from progress_api.progress.records import LastChapter, TutorialPage, TutorialSummary
from progress_api.progress.repository import ProgressRepository
from progress_api.progress.selects.pages import MAX_LIMIT, STATUSES
from progress_api.web.arguments import acting_for, read_body, read_query
from progress_api.web.endpoint import Access, Endpoint, Tag
from progress_api.web.fields import LEARNER_BODY, page_query
from progress_api.web.responses import json_response
from progress_api.web.state import service

_QUERY = page_query("tutorials", "learner", STATUSES, MAX_LIMIT)


def list_tutorials() -> Response:
    """Return a page of the learner's tutorials."""
    body = read_body(LEARNER_BODY)
    user_id = acting_for(body.user_id)
    page = service(ProgressRepository).list(user_id, **read_query(_QUERY))
    return json_response(list_json(page))


_EXAMPLE = TutorialSummary(
    tutorial_id="python-basics",
    user_id="alice",
    completion_percentage=50,
    chapters_completed=1,
    total_chapters=2,
    certificate_eligible=False,
    certificate_earned=False,
    total_watch_time=165,
    last_watched_at=datetime(2026, 1, 5, 10, 5, tzinfo=UTC),
    last_chapter=LastChapter("functions", 45, completed=False),
    title=None,
)

ENDPOINTS = (
    Endpoint(
        name="list",
        method="GET",
        rule="",
        view=list_tutorials,
        access=Access.LEARNER,
        limit="ratelimit_list",
        operation_id="listTutorials",
        tag=Tag("learner", "All tutorials of a learner."),
        summary="List a learner's tutorials",
        description="The tutorial that was watched last comes first. A tutorial that is not "
        "written to while the pages are read appears exactly once.",
        query=_QUERY,
        body=LEARNER_BODY,
        response=TutorialList(),
        response_example=list_json(TutorialPage((_EXAMPLE,), None)),
    ),
)
