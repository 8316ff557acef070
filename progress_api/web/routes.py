"""The five endpoints (guide, step 2).

The order of a request is a rule of security: authenticate, limit by the verified caller, read,
find whom the caller may act for, record, answer.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from progress_api.progress.repository import ProgressRepository
from progress_api.web.arguments import read_body, read_tutorial, read_user_ids
from progress_api.web.schemas import (
    RESET_ANSWER,
    ChapterPost,
    LearnerBody,
    QuizPost,
    json_response,
    progress_answer,
)
from progress_api.web.state import state

_CHAPTER_POST, _QUIZ_POST, _LEARNER_BODY = ChapterPost(), QuizPost(), LearnerBody()


def register(blueprint: Blueprint, *, alone: bool) -> None:
    """Give a blueprint the five endpoints, and the door before them.

    Args:
        blueprint: what is mounted; its name is what its state is found under in an app.
        alone: whether it has to answer itself what is below its prefix and is no endpoint;
            an app of our own does so for all addresses.
    """
    blueprint.before_request(admit)
    for rule, views in _ENDPOINTS.items():
        for method, view in views.items():
            blueprint.add_url_rule(
                rule,
                view_func=view,
                methods=[method],
                merge_slashes=False,
                provide_automatic_options=False if alone else None,
            )
        if alone:
            _add_fallback(
                blueprint, rule, method_not_allowed, _METHODS - _allowed(views) | {"OPTIONS"}
            )
    if alone:
        _add_fallback(blueprint, "/", unknown, _METHODS)
        _add_fallback(blueprint, "/<path:unknown>", unknown, _METHODS)


def _add_fallback(
    blueprint: Blueprint, rule: str, view: Callable[..., Response], methods: Collection[str]
) -> None:
    blueprint.add_url_rule(
        rule,
        view_func=view,
        methods=methods,
        strict_slashes=rule != "/",  # the prefix itself is no redirect
        merge_slashes=False,
        provide_automatic_options=False,
    )


def _allowed(views: Iterable[str]) -> set[str]:
    return {"OPTIONS", *views, *(["HEAD"] if "GET" in views else [])}


def admit() -> None:
    """Authenticate, then limit; who holds no token spends the allowance of the address."""
    endpoint = (request.endpoint or "").rpartition(".")[2]
    if request.method == "OPTIONS" or endpoint in _OPEN:
        return
    here = state()
    caller = here.identity.identify()
    here.limits.spend(endpoint, caller.limit_key)
    g.progress_caller = caller.require_authenticated()


def get(tutorial_id: str) -> Response:
    """Return the progress of a learner (endpoint 1)."""
    progress, learner, _ = _read(tutorial_id, _LEARNER_BODY)
    return json_response(progress_answer(progress.get(*learner)))


def chapter(tutorial_id: str) -> Response:
    """Record how far a chapter was watched (endpoint 2)."""
    progress, learner, watched = _read(tutorial_id, _CHAPTER_POST)
    return json_response(progress_answer(progress.record_chapter(*learner, watched)))


def quiz(tutorial_id: str) -> Response:
    """Record an attempt at a quiz (endpoint 3)."""
    progress, learner, attempt = _read(tutorial_id, _QUIZ_POST)
    return json_response(progress_answer(progress.record_quiz(*learner, attempt)))


def complete(tutorial_id: str) -> Response:
    """Earn the certificate (endpoint 4)."""
    progress, learner, _ = _read(tutorial_id, _LEARNER_BODY)
    return json_response(progress_answer(progress.complete(*learner)))


def reset(tutorial_id: str) -> Response:
    """Forget the progress of a learner (endpoint 5)."""
    progress, learner, _ = _read(tutorial_id, _LEARNER_BODY)
    progress.reset(*learner)
    return json_response(RESET_ANSWER)


def _read(tutorial_id: str, schema: LearnerBody) -> tuple[ProgressRepository, tuple[str, str], Any]:
    """Return where progress is kept, whose in which tutorial is asked for, and the body."""
    here = state()
    sent = request._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - its public way
    tutorial_id = read_tutorial(sent, tutorial_id)
    named, posted = read_body(sent, schema, here.max_body_bytes)
    user_id = g.progress_caller.acting_for(named, *read_user_ids(sent))
    return here.progress, (user_id, tutorial_id), posted


def method_not_allowed(tutorial_id: str) -> Response:  # noqa: ARG001
    """Answer OPTIONS, and refuse the methods that an address does not take."""
    assert request.url_rule
    allowed = _allowed(_ENDPOINTS[request.url_rule.rule.removeprefix(state().url_prefix)])
    if request.method != "OPTIONS":
        raise MethodNotAllowed(sorted(allowed))
    response = json_response({})
    response.allow.update(allowed)
    return response


def unknown(unknown: str = "") -> Response:  # noqa: ARG001
    """Refuse an address below the prefix that is none of ours."""
    raise NotFound


_ENDPOINTS: dict[str, dict[str, Callable[[str], Response]]] = {
    "/<tutorial_id>": {"GET": get, "DELETE": reset},
    "/<tutorial_id>/chapter": {"POST": chapter},
    "/<tutorial_id>/quiz": {"POST": quiz},
    "/<tutorial_id>/complete": {"POST": complete},
}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
DESCRIPTION = "description"
# They tell nothing of anybody, and change nothing; who writes a client has no token yet.
_OPEN = frozenset({DESCRIPTION, method_not_allowed.__name__, unknown.__name__})
