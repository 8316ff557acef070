"""Compare what is stored, read by SQL and by GET, with what was acknowledged."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any, NamedTuple

import psycopg2

from chaos.client import PREFIX, TOTAL_CHAPTERS, Write, learner_headers

_TOTALS = """
    SELECT user_id, tutorial_id,
        total_watch_time, chapters_completed, total_chapters, completion_percentage
    FROM tutorial_progress WHERE user_id = ANY(%s)
"""
_CHAPTERS = """
    SELECT progress.user_id, tutorial_id, chapter_id, watch_time, completed
    FROM chapter_progress JOIN tutorial_progress progress ON progress.id = progress_id
    WHERE progress.user_id = ANY(%s)
"""
_QUIZZES = """
    SELECT progress.user_id, tutorial_id, quiz_id, attempts, score
    FROM quiz_scores JOIN tutorial_progress progress ON progress.id = progress_id
    WHERE progress.user_id = ANY(%s)
"""
_TOTALS_FIELDS = (
    *("totalWatchTime", "chaptersCompleted", "totalChapters", "completionPercentage"),
)

Key = tuple[str, str]


class Totals(NamedTuple):
    """The totals of a learner's tutorial; watch time in seconds."""

    watch_time: int = 0
    chapters_completed: int = 0
    chapters: int = 0
    percentage: int = 0


@dataclass
class Progress:
    """A learner's progress in one tutorial.

    Args:
        totals: over all chapters.
        chapters: the watch time of each chapter, and whether it is completed.
        quizzes: the number of attempts at each quiz, and the best score.
    """

    totals: Totals = field(default_factory=Totals)
    chapters: dict[str, tuple[int, bool]] = field(default_factory=dict)
    quizzes: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass
class Judgement:
    """The differences between what was acknowledged and what is stored.

    Args:
        lost: the number of acknowledged writes that are not stored.
        wrong: the number of values that were never posted, counted twice, or do not add up.
        details: a text for each difference.
    """

    lost: int = 0
    wrong: int = 0
    details: list[str] = field(default_factory=list)

    def expect(self, detail: str, count: int, minimum: int, maximum: int) -> None:
        """Count what is below the minimum as lost, and what is above the maximum as wrong."""
        if not minimum <= count <= maximum:
            self.lost += max(0, minimum - count)
            self.wrong += max(0, count - maximum)
            self.details.append(f"{detail}: {count}, not {minimum} to {maximum}")

    def require(self, condition: bool, detail: str) -> None:  # noqa: FBT001
        """Count as wrong when a condition does not hold."""
        if not condition:
            self.wrong += 1
            self.details.append(detail)


def judge(
    acknowledged: Iterable[Write], unanswered: Iterable[Write], stored: Mapping[Key, Progress]
) -> Judgement:
    """Compare every watch time, attempt count, score and total with what was acknowledged.

    Args:
        acknowledged: writes that must be stored once.
        unanswered: writes that may be stored once, or not at all.
        stored: the progress by learner and tutorial.
    """
    judgement = Judgement()
    certain, possible = _by_place(acknowledged), _by_place(unanswered)
    for place in certain.keys() | possible.keys():
        learner, tutorial, kind, name = place
        progress = stored.get((learner, tutorial), Progress())
        if kind == "quiz":
            _judge_quiz(judgement, progress.quizzes.get(name), certain[place], possible[place])
        else:
            _judge_chapter(judgement, progress.chapters.get(name), certain[place], possible[place])
    for key, progress in stored.items():
        _judge_totals(judgement, key, progress)
        places = [(*key, "chapter", name) for name in progress.chapters]
        places += [(*key, "quiz", name) for name in progress.quizzes]
        for place in places:
            known = place in certain or place in possible
            judgement.require(known, f"{place} was never posted")
    return judgement


def _judge_quiz(
    judgement: Judgement,
    stored: tuple[int, int] | None,
    certain: list[Write],
    possible: list[Write],
) -> None:
    attempts, score = stored or (0, 0)
    detail = f"{stored} is stored; acknowledged: {certain}, unanswered: {possible}"
    judgement.expect(detail, attempts, len(certain), len(certain) + len(possible))
    best = max((write.value for write in certain), default=0)
    better = {write.value for write in possible if write.value > best}
    judgement.require(score in {best} | better, detail)


def _judge_chapter(
    judgement: Judgement,
    stored: tuple[int, bool] | None,
    certain: list[Write],
    possible: list[Write],
) -> None:
    watched, completed = stored or (0, False)
    detail = f"{stored} is stored; acknowledged: {certain}, unanswered: {possible}"
    minimum = max((write.value for write in certain), default=0)
    must = any(write.completed for write in certain)
    if watched < minimum or (must and not completed):
        judgement.lost += 1
        judgement.details.append(detail)
        return
    may = must or any(write.completed for write in possible)
    allowed = {minimum, *(write.value for write in possible)}
    judgement.require(watched in allowed and completed <= may, detail)


def _judge_totals(judgement: Judgement, key: Key, progress: Progress) -> None:
    watched = sum(seconds for seconds, _ in progress.chapters.values())
    completed = sum(done for _, done in progress.chapters.values())
    # Every post of a chapter has totalChapters; no post of a quiz has it.
    chapters = TOTAL_CHAPTERS if progress.chapters else 0
    expected = Totals(watched, completed, chapters, completed * 100 // TOTAL_CHAPTERS)
    judgement.require(progress.totals == expected, f"{key}: {progress.totals}, not {expected}")


def _by_place(writes: Iterable[Write]) -> defaultdict[tuple[str, str, str, str], list[Write]]:
    groups: defaultdict[tuple[str, str, str, str], list[Write]] = defaultdict(list)
    for write in writes:
        groups[write[:4]].append(write)
    return groups


def read_by_sql(database_url: str, learners: list[str]) -> dict[Key, Progress]:
    """Return the learners' progress as the tables hold it."""
    stored: defaultdict[Key, Progress] = defaultdict(Progress)
    with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(_TOTALS, [learners])
        for learner, tutorial, *totals in cursor.fetchall():
            stored[learner, tutorial].totals = Totals(*totals)
        cursor.execute(_CHAPTERS, [learners])
        for learner, tutorial, name, watched, done in cursor.fetchall():
            stored[learner, tutorial].chapters[name] = (watched, done)
        cursor.execute(_QUIZZES, [learners])
        for learner, tutorial, name, attempts, score in cursor.fetchall():
            stored[learner, tutorial].quizzes[name] = (attempts, score)
    return dict(stored)


def read_by_get(connect: Callable[[], HTTPConnection], keys: Iterable[Key]) -> dict[Key, Progress]:
    """Return the progress as the service responds with it."""
    with closing(connect()) as connection:
        return {key: _read(connection, *key) for key in keys}


def _read(connection: HTTPConnection, learner: str, tutorial: str) -> Progress:
    connection.request("GET", f"{PREFIX}/{tutorial}", headers=learner_headers(learner))
    body: Any = json.loads(connection.getresponse().read())
    return Progress(
        Totals(*(body[name] for name in _TOTALS_FIELDS)),
        {
            entry["chapterId"]: (entry["watchTime"], entry["completed"])
            for entry in body["chapterProgress"]
        },
        {entry["quizId"]: (entry["attempts"], entry["score"]) for entry in body["quizScores"]},
    )
