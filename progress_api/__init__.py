"""Tutorial progress: a Flask service on PostgreSQL, or a blueprint in an app of your own."""

from progress_api.application import create_app
from progress_api.exceptions import ProgressError
from progress_api.extension import ProgressAPI
from progress_api.repository.progress import ProgressRepository
from progress_api.settings import Settings

blueprint = ProgressAPI().blueprint

__all__ = [
    "ProgressAPI",
    "ProgressError",
    "ProgressRepository",
    "Settings",
    "blueprint",
    "create_app",
]
