"""What is stored, by SQL and by GET, beside what was acknowledged."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any, NamedTuple

import psycopg2

from chaos.client import PREFIX, TOTAL_CHAPTERS, Write, signed_in

_TOTALS = """
    SELECT user_id, tutorial_id,
        total_watch_time, chapters_completed, total_chapters, completion_percentage
    FROM tutorial_progress WHERE user_id = ANY(%s)
"""
_CHAPTERS = """
    SELECT user_id, tutorial_id, chapter_id, watch_time, completed
    FROM chapter_progress JOIN tutorial_progress progress ON progress.id = progress_id
    WHERE user_id = ANY(%s)
"""
_QUIZZES = """
    SELECT user_id, tutorial_id, quiz_id, attempts, score
    FROM quiz_scores JOIN tutorial_progress progress ON progress.id = progress_id
    WHERE user_id = ANY(%s)
"""
_TOTALS_AS_ANSWERED = (
    *("totalWatchTime", "chaptersCompleted", "totalChapters", "completionPercentage"),
)

Key = tuple[str, str]


class Totals(NamedTuple):
    """What is counted over a learner's tutorial."""

    watch_time: int = 0
    chapters_completed: int = 0
    chapters: int = 0
    percentage: int = 0


@dataclass
class Progress:
    """What one learner did in one tutorial, by either way of reading it.

    Args:
        totals: of all chapters.
        chapters: for each its watch time, and whether it is completed.
        quizzes: for each its attempts, and its best score.
    """

    totals: Totals = field(default_factory=Totals)
    chapters: dict[str, tuple[int, bool]] = field(default_factory=dict)
    quizzes: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass
class Judgement:
    """What is not as it was acknowledged.

    Args:
        lost: acknowledged writes that are not there.
        wrong: what is there and was never asked for, was counted twice, or does not add up.
        told: a sentence for each.
    """

    lost: int = 0
    wrong: int = 0
    told: list[str] = field(default_factory=list)

    def expect(self, where: object, kept: int, least: int, most: int) -> None:
        """Note a count that is too low as lost, one too high as wrong."""
        if not least <= kept <= most:
            self.lost += max(0, least - kept)
            self.wrong += max(0, kept - most)
            self.told.append(f"{where}: {kept}, not {least} to {most}")

    def require(self, right: bool, told: str) -> None:  # noqa: FBT001
        """Note what is wrong."""
        if not right:
            self.wrong += 1
            self.told.append(told)


def judge(
    acknowledged: Iterable[Write], unanswered: Iterable[Write], stored: Mapping[Key, Progress]
) -> Judgement:
    """Compare every watch time, attempt count, score and total with what was acknowledged.

    Args:
        acknowledged: writes that must be there, each once.
        unanswered: writes that may be there, each once, or not.
        stored: what is there.
    """
    judgement = Judgement()
    sure, perhaps = _by_place(acknowledged), _by_place(unanswered)
    for place in sure.keys() | perhaps.keys():
        learner, tutorial, kind, name = place
        progress = stored.get((learner, tutorial), Progress())
        if kind == "quiz":
            _judge_quiz(judgement, progress.quizzes.get(name), sure[place], perhaps[place])
        else:
            _judge_chapter(judgement, progress.chapters.get(name), sure[place], perhaps[place])
    for key, progress in stored.items():
        _judge_totals(judgement, key, progress)
        places = [(*key, "chapter", name) for name in progress.chapters]
        places += [(*key, "quiz", name) for name in progress.quizzes]
        for place in places:
            known = place in sure or place in perhaps
            judgement.require(known, f"{place} was never posted")
    return judgement


def _judge_quiz(
    judgement: Judgement,
    kept: tuple[int, int] | None,
    sure: list[Write],
    perhaps: list[Write],
) -> None:
    attempts, score = kept or (0, 0)
    told = f"{kept} is kept of {sure}, and perhaps of {perhaps}"
    judgement.expect(told, attempts, len(sure), len(sure) + len(perhaps))
    best = max((write.value for write in sure), default=0)
    better = {write.value for write in perhaps if write.value > best}
    judgement.require(score in {best} | better, told)


def _judge_chapter(
    judgement: Judgement,
    kept: tuple[int, bool] | None,
    sure: list[Write],
    perhaps: list[Write],
) -> None:
    watched, completed = kept or (0, False)
    told = f"{kept} is kept of {sure}, and perhaps of {perhaps}"
    least = max((write.value for write in sure), default=0)
    must = any(write.completed for write in sure)
    if watched < least or (must and not completed):
        judgement.lost += 1
        judgement.told.append(told)
        return
    may = must or any(write.completed for write in perhaps)
    allowed = {least, *(write.value for write in perhaps)}
    judgement.require(watched in allowed and completed <= may, told)


def _judge_totals(judgement: Judgement, key: Key, progress: Progress) -> None:
    watched = sum(seconds for seconds, _ in progress.chapters.values())
    completed = sum(done for _, done in progress.chapters.values())
    # Each post of a chapter says how many there are, and none of a quiz does.
    chapters = TOTAL_CHAPTERS if progress.chapters else 0
    right = Totals(watched, completed, chapters, completed * 100 // TOTAL_CHAPTERS)
    judgement.require(progress.totals == right, f"{key}: {progress.totals}, not {right}")


def _by_place(writes: Iterable[Write]) -> defaultdict[tuple[str, str, str, str], list[Write]]:
    found: defaultdict[tuple[str, str, str, str], list[Write]] = defaultdict(list)
    for write in writes:
        found[write[:4]].append(write)
    return found


def read_by_sql(database_url: str, learners: list[str]) -> dict[Key, Progress]:
    """Return what the tables hold of these learners."""
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
    """Return what the service answers of these learners' tutorials."""
    with closing(connect()) as connection:
        return {key: _read(connection, *key) for key in keys}


def _read(connection: HTTPConnection, learner: str, tutorial: str) -> Progress:
    connection.request("GET", f"{PREFIX}/{tutorial}", headers=signed_in(learner))
    body: Any = json.loads(connection.getresponse().read())
    return Progress(
        Totals(*(body[name] for name in _TOTALS_AS_ANSWERED)),
        {one["chapterId"]: (one["watchTime"], one["completed"]) for one in body["chapterProgress"]},
        {one["quizId"]: (one["attempts"], one["score"]) for one in body["quizScores"]},
    )
