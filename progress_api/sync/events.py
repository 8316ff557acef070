"""Read events one by one, and build the response from their results (spec 12.1 to 12.8)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from progress_api.exceptions import InvalidFields, ProgressError
from progress_api.progress import records
from progress_api.progress.schemas import progress_json
from progress_api.sync.schemas import EVENTS, RECORDED, REFUSED
from progress_api.validation import is_unicode
from progress_api.web.endpoint import Errors
from progress_api.web.error_responses import envelope
from progress_api.web.fields import LearnerBody, rfc3339

_UNKNOWN = "unknown"  # the type of an event that has none of the types, in the metrics


class Received(NamedTuple):
    """An event as it was sent: its id, if it has one, its type, and the event or its error."""

    id: str | None
    type: str
    event: records.Event | None
    error: ProgressError | None


class Result(NamedTuple):
    """Whether an event is recorded; then its error is None."""

    id: str | None
    type: str
    error: ProgressError | None

    @property
    def status(self) -> str:
        """The word for it in JSON."""
        return REFUSED if self.error else RECORDED


def read_events(values: Sequence[Any], most: int) -> list[Received]:
    """Read each event; a wrong one has an error and does not stop the others (spec 12.3).

    Args:
        values: at least one JSON value.
        most: the highest number of events.

    Raises:
        InvalidFields: there are more.
    """
    if len(values) > most:
        raise InvalidFields({"events": [f"Must have at most {most} events."]})
    return [_received(value) for value in values]


def results_of(received: Sequence[Received], outcome: records.EventResults) -> list[Result]:
    """Return the results of all events, in the order sent.

    Args:
        received: all events, each with its error if it is invalid.
        outcome: the results of the valid ones.
    """
    valid = iter(outcome.results)
    return [
        Result(sent.id, sent.type, next(valid).error if sent.event else sent.error)
        for sent in received
    ]


def events_json(
    results: Sequence[Result], outcome: records.EventResults, errors: Errors
) -> dict[str, Any]:
    """Return the results as `EventsResponse` describes them.

    Args:
        results: of all events.
        outcome: has the progress after them.
        errors: of the API.
    """
    return {
        "results": [_result_json(result, errors) for result in results],
        "progress": [progress_json(progress) for progress in outcome.progress],
        "serverTime": rfc3339(datetime.now(UTC)),
    }


def _received(value: Any) -> Received:
    if not isinstance(value, dict):
        error = InvalidFields({"events": ["Each event must be an object."]})
        return Received(None, _UNKNOWN, None, error)
    name = sent if is_unicode(sent := value.get("id")) else None
    kind = value.get("type")
    schema = EVENTS.get(kind) if isinstance(kind, str) else None
    if schema is None:
        error = InvalidFields({"type": [f"Must be one of: {', '.join(EVENTS)}."]})
        return Received(name, _UNKNOWN, None, error)
    try:
        return Received(name, str(kind), _event(schema, value), None)
    except InvalidFields as error:
        return Received(name, str(kind), None, error)


def _event(schema: LearnerBody[Any], value: Mapping[str, Any]) -> records.Event:
    values = schema.load_values(value)
    common = {name: values.pop(name) for name in ("id", "tutorial_id", "at")}
    return records.Event(**common, record=schema.to_record(values))


def _result_json(result: Result, errors: Errors) -> dict[str, Any]:
    shown = {"id": result.id, "status": result.status}
    if result.error is None:
        return shown
    _, body = envelope(result.error, None, errors)
    del body["requestId"]  # the response has one
    return {**shown, **body}
