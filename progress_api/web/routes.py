"""The five endpoints (guide, step 2).

The order of a request is a rule of security: authenticate, limit by the verified caller, read,
find whom the caller may act for, record, answer.
"""

from flask import Blueprint, Response, g, request

from progress_api.web.arguments import read_body, read_tutorial, read_user_ids
from progress_api.web.schemas import (
    ChapterPost,
    LearnerBody,
    QuizPost,
    json_response,
    progress_answer,
)
from progress_api.web.state import state

_CHAPTER_POST, _QUIZ_POST, _LEARNER_BODY = ChapterPost(), QuizPost(), LearnerBody()


def register(blueprint: Blueprint) -> None:
    """Give a blueprint the five endpoints, and the door before them.

    Args:
        blueprint: what is mounted; its name is what its state is found under in an app.
    """
    blueprint.before_request(admit)
    for rule, method, view in (
        ("/<tutorial_id>", "GET", get),
        ("/<tutorial_id>/chapter", "POST", chapter),
        ("/<tutorial_id>/quiz", "POST", quiz),
        ("/<tutorial_id>/complete", "POST", complete),
        ("/<tutorial_id>", "DELETE", reset),
    ):
        blueprint.add_url_rule(rule, view_func=view, methods=[method], merge_slashes=False)


def admit() -> None:
    """Authenticate, then limit; who holds no token spends the allowance of the address."""
    if request.method == "OPTIONS" or request.endpoint is None:
        return
    caller = state().identity.identify()
    state().limits.spend(request.endpoint.rpartition(".")[2], caller.limit_key)
    g.progress_caller = caller.admitted()


def get(tutorial_id: str) -> Response:
    """Return the progress of a learner (endpoint 1)."""
    tutorial_id = read_tutorial(tutorial_id)
    named, _ = read_body(_LEARNER_BODY)
    user_id = g.progress_caller.acting_for(named, *read_user_ids())
    return json_response(progress_answer(state().progress.get(user_id, tutorial_id)))


def chapter(tutorial_id: str) -> Response:
    """Record how far a chapter was watched (endpoint 2)."""
    tutorial_id = read_tutorial(tutorial_id)
    named, watched = read_body(_CHAPTER_POST)
    user_id = g.progress_caller.acting_for(named, *read_user_ids())
    progress = state().progress.record_chapter(user_id, tutorial_id, watched)
    return json_response(progress_answer(progress))


def quiz(tutorial_id: str) -> Response:
    """Record an attempt at a quiz (endpoint 3)."""
    tutorial_id = read_tutorial(tutorial_id)
    named, attempt = read_body(_QUIZ_POST)
    user_id = g.progress_caller.acting_for(named, *read_user_ids())
    progress = state().progress.record_quiz(user_id, tutorial_id, attempt)
    return json_response(progress_answer(progress))


def complete(tutorial_id: str) -> Response:
    """Earn the certificate (endpoint 4)."""
    tutorial_id = read_tutorial(tutorial_id)
    named, _ = read_body(_LEARNER_BODY)
    user_id = g.progress_caller.acting_for(named, *read_user_ids())
    return json_response(progress_answer(state().progress.complete(user_id, tutorial_id)))


def reset(tutorial_id: str) -> Response:
    """Forget the progress of a learner (endpoint 5)."""
    tutorial_id = read_tutorial(tutorial_id)
    named, _ = read_body(_LEARNER_BODY)
    user_id = g.progress_caller.acting_for(named, *read_user_ids())
    state().progress.reset(user_id, tutorial_id)
    return json_response({"success": True, "message": "Progress reset successfully"})
