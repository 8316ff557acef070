"""`python -m bench ROUNDS SECONDS` compares, prints the tables and writes what was seen."""

import shutil
import sys

from bench import report
from bench.compare import compare
from bench.load import WrongAnswer
from embedded import StartFailed


def main(arguments: list[str]) -> int:
    """Run; what goes wrong is told in a sentence."""
    if not shutil.which("wrk"):
        print("make bench needs wrk: apt-get install wrk", file=sys.stderr)
        return 1
    rounds, seconds = (int(argument) for argument in arguments)
    try:
        print(report.write(compare(rounds, seconds)))
    except (StartFailed, WrongAnswer) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
