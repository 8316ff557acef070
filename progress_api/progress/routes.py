"""The five endpoints (spec 1.2)."""

from functools import partial

from flask import Response

from progress_api.exceptions import (
    InvalidScore,
    NotEligible,
    ProgressNotFound,
    TooManyChapters,
    TooManyQuizzes,
)
from progress_api.progress import examples
from progress_api.progress.repository import ProgressRepository
from progress_api.progress.schemas import (
    RESET_RESPONSE,
    SCORE_OUT_OF_RANGE,
    ChapterPost,
    CompletionPost,
    Progress,
    QuizPost,
    Reset,
    progress_json,
)
from progress_api.settings import Settings
from progress_api.web.arguments import acting_for, read_body
from progress_api.web.endpoint import Access, Endpoint, Errors, Tag
from progress_api.web.fields import LEARNER_BODY, TutorialPath
from progress_api.web.responses import json_response
from progress_api.web.state import service

_CHAPTER_POST = ChapterPost()
_QUIZ_POST = QuizPost()
_COMPLETION = CompletionPost()


def get(tutorial_id: str) -> Response:
    """Return a learner's progress in a tutorial (spec 1.3)."""
    body = read_body(LEARNER_BODY)
    user_id = acting_for(body.user_id)
    progress = service(ProgressRepository).get(user_id, tutorial_id)
    return json_response(progress_json(progress))


def chapter(tutorial_id: str) -> Response:
    """Record how far a chapter was watched (spec 1.4)."""
    body = read_body(_CHAPTER_POST)
    user_id = acting_for(body.user_id)
    repository = service(ProgressRepository)
    progress = repository.record_chapter(user_id, tutorial_id, body.record)
    return json_response(progress_json(progress))


def quiz(tutorial_id: str) -> Response:
    """Record an attempt at a quiz (spec 1.5)."""
    body = read_body(_QUIZ_POST)
    user_id = acting_for(body.user_id)
    progress = service(ProgressRepository).record_quiz(user_id, tutorial_id, body.record)
    return json_response(progress_json(progress))


def complete(tutorial_id: str) -> Response:
    """Earn the certificate of a tutorial (spec 1.6)."""
    body = read_body(_COMPLETION)
    user_id = acting_for(body.user_id)
    progress = service(ProgressRepository).complete(user_id, tutorial_id, body.record.holder_name)
    return json_response(progress_json(progress))


def reset(tutorial_id: str) -> Response:
    """Remove what is recorded of a learner in a tutorial (spec 1.7)."""
    body = read_body(LEARNER_BODY)
    user_id = acting_for(body.user_id)
    service(ProgressRepository).reset(user_id, tutorial_id)
    return json_response(RESET_RESPONSE)


def about(settings: Settings) -> str:
    """Return what the OpenAPI document says of the five endpoints together."""
    text = (
        "Records what each learner has watched of each tutorial, where the learner stopped, which "
        "quizzes are passed, and whether the certificate is earned. One learner's tutorial has at "
        f"most {settings.progress_max_chapters} chapters and {settings.progress_max_quizzes} "
        "quizzes."
    )
    sticky = " A completed chapter stays completed, whatever is posted later."
    return text + sticky if settings.progress_sticky_completion else text


ERRORS: Errors = {
    InvalidScore: (400, SCORE_OUT_OF_RANGE),
    TooManyChapters: (400, "Too many chapters"),
    TooManyQuizzes: (400, "Too many quizzes"),
    NotEligible: (400, "Not eligible for certificate"),
    ProgressNotFound: (404, "No progress found for this tutorial"),
}
_endpoint = partial(
    Endpoint,
    access=Access.LEARNER,
    tag=Tag("progress", "A learner's progress in a tutorial."),
    path=TutorialPath(),
)

ENDPOINTS = (
    _endpoint(
        name="get",
        method="GET",
        rule="/<tutorial_id>",
        view=get,
        limit="ratelimit_get",
        operation_id="getProgress",
        summary="Get a learner's progress in a tutorial",
        description="Returns the empty progress object if nothing is recorded.",
        body=LEARNER_BODY,
        response=Progress(),
        response_example=examples.EMPTY,
    ),
    _endpoint(
        name="chapter",
        method="POST",
        rule="/<tutorial_id>/chapter",
        view=chapter,
        limit="ratelimit_chapter",
        operation_id="recordChapter",
        summary="Record how far a chapter was watched",
        description="Post it about every 10 seconds of play, at a pause, and when the page is "
        "left. Several devices of one learner may post at once: no post is lost.",
        body=_CHAPTER_POST,
        response=Progress(),
        failures=(TooManyChapters(),),
        request_example=examples.CHAPTER_POST,
        response_example=examples.AFTER_CHAPTER,
    ),
    _endpoint(
        name="quiz",
        method="POST",
        rule="/<tutorial_id>/quiz",
        view=quiz,
        limit="ratelimit_quiz",
        operation_id="recordQuiz",
        summary="Record an attempt at a quiz",
        description="Keeps the best attempt: the one with the highest score / maxScore.",
        body=_QUIZ_POST,
        response=Progress(),
        failures=(examples.INVALID_SCORE, TooManyQuizzes()),
        request_example=examples.QUIZ_POST,
        response_example=examples.AFTER_QUIZ,
    ),
    _endpoint(
        name="complete",
        method="POST",
        rule="/<tutorial_id>/complete",
        view=complete,
        limit="ratelimit_complete",
        operation_id="completeTutorial",
        summary="Earn the certificate of a tutorial",
        description="Once the certificate is earned, a further request changes nothing. The "
        "certificate itself is at /<tutorialId>/certificate.",
        body=_COMPLETION,
        response=Progress(),
        failures=(examples.NOT_ELIGIBLE, ProgressNotFound()),
        request_example={},
        response_example=examples.AFTER_COMPLETE,
    ),
    _endpoint(
        name="reset",
        method="DELETE",
        rule="/<tutorial_id>",
        view=reset,
        limit="ratelimit_reset",
        operation_id="resetProgress",
        summary="Reset a learner's progress in a tutorial",
        description="Removes the chapters and the quizzes. The certificate is then not earned any "
        "more, but one that was issued stays. Succeeds even if nothing is recorded.",
        body=LEARNER_BODY,
        response=Reset(),
        response_example=RESET_RESPONSE,
    ),
)
