"""Events of many tutorials in one request, later or again (spec 12.1)."""

from collections import Counter
from collections.abc import Sequence

from flask import Response

from progress_api.progress import examples
from progress_api.progress.records import EventResults
from progress_api.progress.repository import ProgressRepository
from progress_api.sync.events import Result, events_json, read_events, results_of
from progress_api.sync.schemas import RECORDED, EventsPost, EventsResponse
from progress_api.web.arguments import acting_for, read_body
from progress_api.web.endpoint import Access, Endpoint, Tag
from progress_api.web.responses import json_response
from progress_api.web.state import service, settings, state

_EVENTS_POST = EventsPost()


def record_events() -> Response:
    """Record what a learner did earlier, in any number of tutorials."""
    body = read_body(_EVENTS_POST)
    user_id = acting_for(body.user_id)
    received = read_events(body.record, settings().progress_max_events)
    valid = [sent.event for sent in received if sent.event]
    outcome = service(ProgressRepository).record_events(user_id, valid)
    results = results_of(received, outcome)
    _count(results, outcome)
    return json_response(events_json(results, outcome, state().api.errors))


def _count(results: Sequence[Result], outcome: EventResults) -> None:
    counts = Counter((result.type, result.status) for result in results)
    state().signals.events_received.send(counts=counts, tutorials=len(outcome.progress))


_AT = "2026-01-05T10:01:00Z"
_EVENT = {"tutorialId": "python-basics", "at": _AT}
_EXAMPLE = {
    "events": [
        {"id": "a1", "type": "chapter", **_EVENT, **examples.CHAPTER_POST},
        {"id": "a2", "type": "quiz", **_EVENT, **examples.QUIZ_POST},
    ]
}
_RESPONSE = {
    "results": [{"id": name, "status": RECORDED} for name in ("a1", "a2")],
    "progress": [examples.AFTER_QUIZ],
    "serverTime": "2026-01-05T10:05:00.000000Z",
}

ENDPOINTS = (
    Endpoint(
        name="events",
        method="POST",
        rule="",
        view=record_events,
        access=Access.LEARNER,
        limit="ratelimit_events",
        max_body="progress_max_events_bytes",
        operation_id="recordEvents",
        tag=Tag("learner", "All tutorials of a learner."),
        summary="Record many events at once, later, or again",
        description="For what was done offline, for leaving a page and for signing in. An event "
        "that was recorded before changes nothing, and a refused one does not stop the others. "
        "After 503, send all of them again.",
        body=_EVENTS_POST,
        response=EventsResponse(),
        request_example=_EXAMPLE,
        response_example=_RESPONSE,
    ),
)
