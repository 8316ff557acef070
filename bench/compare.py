"""The service beside its rivals: in turns, in one run, on one PostgreSQL."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.contestants import Contestant, floor, rival, service
from bench.ground import Ground, Population, prepared
from bench.load import Load, measure

SERVICE, FULL, LEAN, FLOOR = "service", "rival", "lean rival", "floor"
KINDS = ("chapter", "get")
TOP, HALF = "top", "half"
_WARM_UP_SECONDS = 10


@dataclass
class Comparison:
    """A run's samples.

    Args:
        rounds: how often each contestant had its turn.
        seconds: of each turn.
        samples: each with its round, and `at` telling the rate: `top`, as many as it could
            answer, or `half` of the rival's top.
    """

    rounds: int
    seconds: int
    samples: list[dict[str, Any]] = field(default_factory=list)


def compare(rounds: int, seconds: int) -> Comparison:
    """Measure all, in turns.

    Args:
        rounds: how often each has its turn, at least 1.
        seconds: of each turn, at least 1.

    Raises:
        WrongAnswer: some request was not answered with 200.
    """
    done = Comparison(rounds, seconds)
    with prepared(Population()) as ground, _all(ground) as contestants:
        bare = ground.database(FLOOR)
        for one in contestants:  # as each is when its learners have been there for a while
            measure(ground, one, Load(kind="chapter", seconds=_WARM_UP_SECONDS))
        for number in range(1, rounds + 1):
            for kind in KINDS:
                samples = list(_turns(ground, contestants, Load(kind=kind, seconds=seconds)))
                most = floor(bare, kind, ground.population, seconds)
                samples.append({"contestant": FLOOR, "kind": kind, "at": TOP, "per_second": most})
                done.samples += [{"round": number, **sample} for sample in samples]
    return done


def _turns(ground: Ground, contestants: list[Contestant], load: Load) -> Iterator[dict[str, Any]]:
    tops = {one.name: measure(ground, one, load) for one in contestants}
    yield from ({"at": TOP, **top.as_json()} for top in tops.values())
    half = Load(kind=load.kind, seconds=load.seconds, rate=tops[FULL].per_second / 2)
    for one in contestants:
        if one.name in (SERVICE, FULL):
            yield {"at": HALF, **measure(ground, one, half).as_json()}


@contextmanager
def _all(ground: Ground) -> Iterator[list[Contestant]]:
    with ExitStack() as stack:
        running = (
            service(ground, 0, SERVICE),
            rival(ground, 1, FULL, "full"),
            rival(ground, 2, LEAN, "lean"),
            service(ground, 3, "service, one by one", DATABASE_ONE_TRIP=False),
            service(ground, 4, "service, psycopg 3", DRIVER="postgresql+psycopg"),
        )
        yield [stack.enter_context(one) for one in running]
