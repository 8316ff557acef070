"""What reports may use of a worker: one connection and one thread (spec 15.7, 15.8)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from progress_api.database import is_own, open_engine
from progress_api.exceptions import ReportsBusy
from progress_api.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine


class ReportSlot:
    """Lets one report at a time run, and refuses the others at once.

    A report that waited would keep a thread from learners.
    """

    def __init__(self) -> None:
        """Start with a free slot."""
        self._lock = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the slot during this block, which may end in any thread.

        Raises:
            ReportsBusy: another report holds it.
        """
        if not self._lock.acquire(blocking=False):
            raise ReportsBusy
        try:
            yield
        finally:
            self._lock.release()


def report_engine(engine: "Engine", settings: Settings) -> "Engine":
    """Return the engine of REPORT_DATABASE_URL, or another one of the service's database.

    A host app's engine is used as it is if there is no REPORT_DATABASE_URL: only the host knows
    how to connect.

    Args:
        engine: of the service, or of the host app.
        settings: of the service.

    Raises:
        SettingsError: REPORT_DATABASE_URL is invalid.
    """
    setting, url = "REPORT_DATABASE_URL", settings.report_database_url
    if not url and is_own(engine):
        setting, url = "DATABASE_URL", settings.database_url
    if not url:
        return engine
    milliseconds = settings.report_timeout * 1000
    options = replace(settings, database_url=url, database_timeout=milliseconds, web_threads=1)
    return open_engine(options, setting)
