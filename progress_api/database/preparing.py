"""Keep psycopg 3 from preparing statements on the server.

It uses the same statement names in all processes. Behind a pooler in transaction mode, a client
would execute the statement that another client prepared under the same name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import PoolProxiedConnection, func, select

_PROCESS_ID = str(select(func.pg_backend_pid()))


@contextmanager
def preparing(connection: PoolProxiedConnection, *, allowed: bool) -> Iterator[None]:
    """Control whether psycopg 3 prepares statements on the server in this block.

    Args:
        connection: of either driver; psycopg2 never prepares statements itself.
        allowed: False turns preparing off; True changes nothing.
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


def disable_preparing_behind_pooler(connection: Any, _: object) -> None:
    """Turn preparing off on a new psycopg 3 connection that goes through a pooler.

    A pooler sends the client a made-up process id, which differs from PostgreSQL's.

    Args:
        connection: psycopg's connection, outside a transaction before and after.
    """
    (process_id,) = connection.execute(_PROCESS_ID).fetchone()
    if process_id != connection.info.backend_pid:
        connection.prepare_threshold = None
    connection.rollback()
