"""Keeps psycopg 3 from preparing statements on the server.

It names them alike in all processes. Behind a pooler in transaction mode, a client would execute
the statement that another client prepared under the same name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import PoolProxiedConnection, func, select

_PROCESS_ID = str(select(func.pg_backend_pid()))


@contextmanager
def preparing(connection: PoolProxiedConnection, *, allowed: bool) -> Iterator[None]:
    """Keep psycopg 3 from preparing statements on the server in this block.

    Args:
        connection: of either driver; psycopg2 never prepares by itself.
        allowed: whether it may prepare them, so that nothing changes.
    """
    driver: Any = connection.driver_connection
    if allowed or not hasattr(driver, "prepare_threshold"):
        yield
        return
    before = driver.prepare_threshold
    driver.prepare_threshold = None
    try:
        yield
    finally:
        driver.prepare_threshold = before


def prepare_nothing_behind_a_pooler(connection: Any, _: object) -> None:
    """Turn preparing off for a new connection of psycopg 3 that a pooler answers.

    A pooler invents the process id that it sends to a client. PostgreSQL knows the real one.

    Args:
        connection: psycopg's own, with no transaction; it has none afterwards.
    """
    (process_id,) = connection.execute(_PROCESS_ID).fetchone()
    if process_id != connection.info.backend_pid:
        connection.prepare_threshold = None
    connection.rollback()
