"""Send batches of statements to PostgreSQL, and classify its failures."""

from progress_api.database.batch import Batch, Parameters, Row, Statement, Statements, Step
from progress_api.database.circuit_breaker import guard
from progress_api.database.connections import checked_connection
from progress_api.database.engines import (
    enforce_timeouts,
    engine_options,
    is_own,
    open_engine,
)
from progress_api.database.errors import errors_of, message_of, sqlstate
from progress_api.database.exclusive import exclusive_connection
from progress_api.database.executor import EngineExecutor, Executor, translated_schema
from progress_api.database.sessions import AnySession, Repository, SessionExecutor, executor_for

__all__ = [
    "AnySession",
    "Batch",
    "EngineExecutor",
    "Executor",
    "Parameters",
    "Repository",
    "Row",
    "SessionExecutor",
    "Statement",
    "Statements",
    "Step",
    "checked_connection",
    "enforce_timeouts",
    "engine_options",
    "errors_of",
    "exclusive_connection",
    "executor_for",
    "guard",
    "is_own",
    "message_of",
    "open_engine",
    "sqlstate",
    "translated_schema",
]
