"""Processes for tests, each forked from a process that has already imported the service."""

import multiprocessing
from multiprocessing.context import ForkServerContext

_IMPORTED_ONCE = ["progress_api.cli", "sqlalchemy.dialects.postgresql.psycopg2", "tests.client"]


def process_context() -> ForkServerContext:
    """Where such processes, and what they wait at together, are made."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED_ONCE)
    return context
