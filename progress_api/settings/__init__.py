"""The settings of the service: names, types, defaults and checks."""

from progress_api.settings.consistency import DOCS_PATH, NO_SWAGGER_UI, SWAGGER_UI
from progress_api.settings.settings import DEFAULT_PREFIX, Settings, check_keys

__all__ = [
    "DEFAULT_PREFIX",
    "DOCS_PATH",
    "NO_SWAGGER_UI",
    "SWAGGER_UI",
    "Settings",
    "check_keys",
]
