"""Tutorial progress: a Flask service on PostgreSQL, or a blueprint in your own app."""

from progress_api.application import create_app
from progress_api.certificates.records import Certificate, CertificateChange
from progress_api.certificates.repository import CertificateRepository
from progress_api.exceptions import (
    CertificateNotFound,
    DatabaseUnavailable,
    InvalidFields,
    NotEligible,
    OutlineNotFound,
    ProgressError,
    ProgressNotFound,
    ReportsBusy,
    SettingsError,
    TooManyChapters,
    TooManyQuizzes,
)
from progress_api.extension import ProgressAPI
from progress_api.learners.records import ErasureStep, LearnerRows
from progress_api.learners.repository import LearnerRepository
from progress_api.outlines.records import Outline, OutlineChapter, OutlineQuiz, TutorialOutline
from progress_api.outlines.repository import OutlineRepository
from progress_api.progress.records import (
    Chapter,
    ChapterProgress,
    Completion,
    Event,
    EventResult,
    EventResults,
    LastChapter,
    Policy,
    Progress,
    QuizAttempt,
    QuizScore,
    TutorialPage,
    TutorialSummary,
)
from progress_api.progress.repository import ProgressRepository
from progress_api.reports.records import (
    ChapterReport,
    LearnerPage,
    LearnerSummary,
    QuizReport,
    Report,
)
from progress_api.reports.repository import ReportRepository
from progress_api.schema.migrate import include_object
from progress_api.settings import Settings

blueprint = ProgressAPI().blueprint

__all__ = [
    "Certificate",
    "CertificateChange",
    "CertificateNotFound",
    "CertificateRepository",
    "Chapter",
    "ChapterProgress",
    "ChapterReport",
    "Completion",
    "DatabaseUnavailable",
    "ErasureStep",
    "Event",
    "EventResult",
    "EventResults",
    "InvalidFields",
    "LastChapter",
    "LearnerPage",
    "LearnerRepository",
    "LearnerRows",
    "LearnerSummary",
    "NotEligible",
    "Outline",
    "OutlineChapter",
    "OutlineNotFound",
    "OutlineQuiz",
    "OutlineRepository",
    "Policy",
    "Progress",
    "ProgressAPI",
    "ProgressError",
    "ProgressNotFound",
    "ProgressRepository",
    "QuizAttempt",
    "QuizReport",
    "QuizScore",
    "Report",
    "ReportRepository",
    "ReportsBusy",
    "Settings",
    "SettingsError",
    "TooManyChapters",
    "TooManyQuizzes",
    "TutorialOutline",
    "TutorialPage",
    "TutorialSummary",
    "blueprint",
    "create_app",
    "include_object",
]
