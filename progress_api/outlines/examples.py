"""Examples of requests and responses about outlines."""

from datetime import UTC, datetime

from progress_api.outlines.records import Outline, OutlineChapter, OutlineQuiz, TutorialOutline
from progress_api.outlines.schemas import outline_json

OUTLINE_PUT = {
    "title": "Python basics",
    "chapters": [
        {"chapterId": "variables", "title": "Variables", "duration": 300},
        {"chapterId": "functions", "title": "Functions", "duration": 420},
    ],
    "quizzes": [{"quizId": "final", "title": "Final quiz"}],
    "certificatePercentage": 90,
}
STORED = outline_json(
    TutorialOutline(
        "python-basics",
        Outline(
            title="Python basics",
            chapters=(
                OutlineChapter(chapter_id="variables", title="Variables", duration=300),
                OutlineChapter(chapter_id="functions", title="Functions", duration=420),
            ),
            quizzes=(OutlineQuiz(quiz_id="final", title="Final quiz"),),
            certificate_percentage=90,
        ),
        datetime(2026, 1, 5, 9, 0, tzinfo=UTC),
    )
)
