"""Say how far a learner is from the certificate."""

from progress_api.exceptions import NotEligible
from progress_api.outlines.records import CERTIFICATE_PERCENTAGE, Needs
from progress_api.progress.records import Progress

MOST_MISSING = 20  # of chapters, and of quizzes


def not_eligible(progress: Progress) -> NotEligible:
    """Return the error that says how far the learner is from the certificate (spec 5.7, 13.5).

    Args:
        progress: of the learner, without a certificate.
    """
    if progress.needs:
        return _not_eligible_by_outline(progress, progress.needs)
    passed = sum(quiz.passed for quiz in progress.quiz_scores)
    return NotEligible(
        f"The certificate needs {CERTIFICATE_PERCENTAGE} percent and every attempted quiz "
        f"passed: {progress.completion_percentage} percent is completed, "
        f"and {passed} of {len(progress.quiz_scores)} quizzes are passed."
    )


def _not_eligible_by_outline(progress: Progress, needs: Needs) -> NotEligible:
    completed = {chapter.chapter_id for chapter in progress.chapter_progress if chapter.completed}
    passed = {quiz.quiz_id for quiz in progress.quiz_scores if quiz.passed}
    chapters = [chapter for chapter in needs.chapter_ids if chapter not in completed]
    quizzes = [quiz for quiz in needs.quiz_ids if quiz not in passed]
    return NotEligible(
        f"The certificate needs {needs.percentage} percent and every quiz of the tutorial passed: "
        f"{progress.completion_percentage} percent is completed, and "
        f"{len(needs.quiz_ids) - len(quizzes)} of {len(needs.quiz_ids)} quizzes are passed.",
        missing={"chapters": chapters[:MOST_MISSING], "quizzes": quizzes[:MOST_MISSING]},
    )
