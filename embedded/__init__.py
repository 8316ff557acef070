"""PostgreSQL and Valkey from wheels, and gunicorn, for `make run` and the tests.

The service itself never imports this package.
"""

from embedded.postgres import Postgres
from embedded.processes import StartFailed
from embedded.valkey import Valkey

__all__ = ["Postgres", "StartFailed", "Valkey"]
