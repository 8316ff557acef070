"""Measure the list of tutorials and many events, beside a GET and the posts that they replace."""

from collections.abc import Iterator
from typing import Any

from bench.contestants import service
from bench.load import Load, measure
from bench.testbed import Population, prepared_testbed

# Tutorials of a learner; in all there are as many rows.
FEW, MANY = 50, 5_000
_LEARNERS = {FEW: 400, MANY: 4}
_KINDS = {FEW: ("get", "list", "chapter", "events-50"), MANY: ("list",)}
_LONGEST = "events-500"


def many(rounds: int, seconds: int) -> Iterator[dict[str, Any]]:
    """Yield samples of the service, each with the number of tutorials of a learner.

    Args:
        rounds: how often each kind of request is measured, at least 1.
        seconds: for how long each time, at least 1.

    Raises:
        FailedRequests: the status of a response was not 200.
    """
    for tutorials, learners in _LEARNERS.items():
        population = Population(learners=learners, tutorials=tutorials)
        with prepared_testbed(population) as testbed, service(testbed, "many") as contestant:
            loads = [Load(kind=kind, seconds=seconds) for kind in _KINDS[tutorials]]
            if tutorials == FEW:  # one at a time: the time of a response is measured
                loads.append(Load(kind=_LONGEST, seconds=seconds, connections=1))
            for _ in range(rounds):
                for load in loads:
                    sample = measure(testbed, contestant, load)
                    yield {"tutorials": tutorials, **sample.as_json()}
