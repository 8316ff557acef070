"""PostgreSQL and Valkey from wheels, for `make run` and the tests; never part of the service."""

from embedded.postgres import Postgres
from embedded.processes import StartFailed
from embedded.valkey import Valkey

__all__ = ["Postgres", "StartFailed", "Valkey"]
