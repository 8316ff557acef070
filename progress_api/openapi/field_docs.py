"""What each name on the wire means and may hold, once for requests and answers alike."""

from typing import Any

from marshmallow import fields

from progress_api.validation import MAX_ID_LENGTH, WHOLE_NUMBER_LIMIT
from progress_api.web.schemas import Seconds, WholeNumber, check_id

# What counts as blank, to the character: what \s is differs from one language to the next.
_BLANK = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Something that is not blank, and no NUL.
_SOMETHING = rf"[^\u0000]*[^{_BLANK}\u0000][^\u0000]*"
_NOT_BLANK = f"^{_SOMETHING}$"
_EMPTY_OR_NOT_BLANK = f"^({_SOMETHING})?$"
_MEANINGS = {
    "tutorialId": (
        "Which tutorial; in the path it is percent-encoded, a slash too. Any text but "
        "openapi.json, where this document is."
    ),
    "userId": (
        "Which learner. In a request null and the empty text are as good as none: it is the "
        "token's learner, and only a token with the admin scope may name another one."
    ),
    "chapterId": "Which chapter of the tutorial.",
    "watchTime": "Seconds that were watched of the chapter, floored; it never shrinks.",
    "completed": (
        "Whether the chapter is completed. A request that leaves it out leaves it as it was."
    ),
    "lastPosition": (
        "Where the player stands, in seconds, floored; in a request that leaves it out, watchTime."
    ),
    "totalChapters": "How many chapters the tutorial has; it only grows, and is 0 while not known.",
    "quizId": "Which quiz of the tutorial.",
    "score": "Points, of the best attempt in an answer; at most maxScore.",
    "maxScore": "Points that the same attempt could have had.",
    "passed": "Whether the quiz is passed; once true it stays true.",
    "attempts": "How often the quiz was posted, repeats not counted.",
    "completedAt": (
        "When the latest attempt was recorded. In a request any text or number, as a mark of the "
        "attempt: one that comes again with the same mark is counted once. Anything else is none."
    ),
    "Idempotency-Key": (
        "A mark of the attempt: a post of this quiz that comes again with it is counted once."
    ),
    "completionPercentage": "floor(100 * chaptersCompleted / totalChapters), and 100 once earned.",
    "chaptersCompleted": "How many chapters are completed.",
    "chapterProgress": "The chapters, in the order first recorded.",
    "quizScores": "The quizzes, in the order first recorded.",
    "certificateEligible": "Whether 95 percent is completed and every quiz on record is passed.",
    "certificateEarned": "Whether the certificate was asked for while eligible; so until a reset.",
    "totalWatchTime": "Seconds that were watched of all chapters.",
    "lastWatchedAt": "When something was recorded last; null where nothing ever was.",
    "success": "True.",
    "message": "A text to show.",
    "error": "What went wrong, in few words.",
    "detail": "One sentence that a person can act on.",
    "requestId": "The id of the request, as in the header X-Request-ID and in the logs.",
    "fields": "Where a field is at fault: for each one, what it may be.",
}


def describe_field(_: object, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """Tell what the marshmallow plugin cannot know of one of our fields.

    Args:
        field: of a request's or an answer's schema.
        ret: what is told of it so far.

    Returns:
        What JSON Schema says of it.
    """
    # None says no more than that it is not required, and some generators would then require it.
    ret.pop("default", None)
    told: dict[str, Any] = {}
    meaning = _MEANINGS.get(field.data_key or field.name or "")
    if meaning:
        told["description"] = meaning
    if isinstance(field, WholeNumber):
        told["minimum"] = max(0, field.least)
        told["maximum"] = min(WHOLE_NUMBER_LIMIT, field.most)
    if check_id in field.validators:
        told |= {"minLength": 1, "maxLength": MAX_ID_LENGTH, "pattern": _NOT_BLANK}
    elif field.data_key == "userId":
        told |= {"maxLength": MAX_ID_LENGTH, "pattern": _EMPTY_OR_NOT_BLANK}
    if isinstance(field, Seconds):
        told["type"] = ["number", "null"] if field.allow_none else "number"
    return told
