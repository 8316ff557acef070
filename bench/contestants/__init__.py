"""What is measured: the service, the rival, and the bare statements in a loop."""

from bench.contestants.floor import floor
from bench.contestants.servers import Contestant, rival, service

__all__ = ["Contestant", "floor", "rival", "service"]
