"""Tutorial progress: a Flask service on PostgreSQL, or a blueprint in your own app."""

from progress_api.application import create_app
from progress_api.exceptions import (
    DatabaseUnavailable,
    InvalidFields,
    NotEligible,
    ProgressError,
    ProgressNotFound,
    SettingsError,
    TooManyChapters,
    TooManyQuizzes,
)
from progress_api.extension import ProgressAPI
from progress_api.progress.records import (
    Chapter,
    ChapterProgress,
    Policy,
    Progress,
    QuizAttempt,
    QuizScore,
)
from progress_api.progress.repository import ProgressRepository
from progress_api.schema.migrate import include_object
from progress_api.settings import Settings

blueprint = ProgressAPI().blueprint

__all__ = [
    "Chapter",
    "ChapterProgress",
    "DatabaseUnavailable",
    "InvalidFields",
    "NotEligible",
    "Policy",
    "Progress",
    "ProgressAPI",
    "ProgressError",
    "ProgressNotFound",
    "ProgressRepository",
    "QuizAttempt",
    "QuizScore",
    "Settings",
    "SettingsError",
    "TooManyChapters",
    "TooManyQuizzes",
    "blueprint",
    "create_app",
    "include_object",
]
