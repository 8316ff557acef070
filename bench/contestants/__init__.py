"""Who is measured: the service, the guide's own code, and a bare loop of the statements."""

from bench.contestants.floor import floor
from bench.contestants.servers import Contestant, rival, service

__all__ = ["Contestant", "floor", "rival", "service"]
