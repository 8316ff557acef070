"""The database: engines, units of statements, how they travel, and what may go wrong."""

from progress_api.database.connections import live_connection
from progress_api.database.engines import enforce_deadlines, engine_options, open_engine
from progress_api.database.exclusive import exclusive_connection
from progress_api.database.executor import EngineExecutor, Executor, translated_schema
from progress_api.database.failures import errors_of, message_of, sqlstate
from progress_api.database.sessions import AnySession, SessionExecutor
from progress_api.database.silence import asking
from progress_api.database.units import Row, Unit

__all__ = [
    "FOREIGN_ERRORS",
    "AnySession",
    "EngineExecutor",
    "Executor",
    "Row",
    "SessionExecutor",
    "Unit",
    "asking",
    "enforce_deadlines",
    "engine_options",
    "errors_of",
    "exclusive_connection",
    "live_connection",
    "message_of",
    "open_engine",
    "sqlstate",
    "translated_schema",
]
