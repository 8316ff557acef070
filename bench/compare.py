"""Compare the service with its rivals: taking turns, in one run, on one PostgreSQL."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.contestants import Contestant, floor, rival, service
from bench.load import Load, measure
from bench.many import many
from bench.testbed import Population, Testbed, prepared_testbed

SERVICE, FULL, LEAN, FLOOR = "service", "rival", "lean rival", "floor"
KINDS = ("chapter", "get")
TOP, HALF = "top", "half"
_WARM_UP_SECONDS = 10


@dataclass
class Comparison:
    """The samples of a run.

    Args:
        rounds: how many turns each contestant had.
        seconds: the length of a turn.
        samples: each with its round, and `at`: `top` for the highest rate that the contestant
            reached, `half` for half of the rival's highest rate.
        many: samples of the list and of events, see `bench.many`.
    """

    rounds: int
    seconds: int
    samples: list[dict[str, Any]] = field(default_factory=list)
    many: list[dict[str, Any]] = field(default_factory=list)


def compare(rounds: int, seconds: int) -> Comparison:
    """Measure all contestants in turns.

    Args:
        rounds: how many turns each contestant has, at least 1.
        seconds: the length of a turn, at least 1.

    Raises:
        FailedRequests: the status of a response was not 200.
    """
    comparison = Comparison(rounds, seconds)
    with prepared_testbed(Population()) as testbed, _contestants(testbed) as contestants:
        floor_url = testbed.database(FLOOR)
        for contestant in contestants:  # a service that has run for a while is measured
            measure(testbed, contestant, Load(kind="chapter", seconds=_WARM_UP_SECONDS))
        for number in range(1, rounds + 1):
            for kind in KINDS:
                samples = list(_turns(testbed, contestants, Load(kind=kind, seconds=seconds)))
                rate = floor(floor_url, kind, testbed.population, seconds)
                samples.append({"contestant": FLOOR, "kind": kind, "at": TOP, "per_second": rate})
                comparison.samples += [{"round": number, **sample} for sample in samples]
    comparison.many += many(rounds, seconds)
    return comparison


def _turns(testbed: Testbed, contestants: list[Contestant], load: Load) -> Iterator[dict[str, Any]]:
    tops = {contestant.name: measure(testbed, contestant, load) for contestant in contestants}
    yield from ({"at": TOP, **top.as_json()} for top in tops.values())
    half = Load(kind=load.kind, seconds=load.seconds, rate=tops[FULL].per_second / 2)
    for contestant in contestants:
        if contestant.name in (SERVICE, FULL):
            yield {"at": HALF, **measure(testbed, contestant, half).as_json()}


@contextmanager
def _contestants(testbed: Testbed) -> Iterator[list[Contestant]]:
    with ExitStack() as running:
        contestants = (
            service(testbed, SERVICE),
            rival(testbed, FULL, "full"),
            rival(testbed, LEAN, "lean"),
            service(testbed, "service, one by one", DATABASE_ONE_TRIP=False),
            service(testbed, "service, psycopg 3", DRIVER="postgresql+psycopg"),
        )
        yield [running.enter_context(contestant) for contestant in contestants]
