"""The database: engines, units of statements, how they travel, and what may go wrong."""

from progress_api.database.engines import engine_options, open_engine, watch
from progress_api.database.executor import Executor, executor
from progress_api.database.failures import is_out_of_reach, sqlstate
from progress_api.database.units import Row, Unit

__all__ = [
    "Executor",
    "Row",
    "Unit",
    "engine_options",
    "executor",
    "is_out_of_reach",
    "open_engine",
    "sqlstate",
    "watch",
]
