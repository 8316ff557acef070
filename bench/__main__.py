"""`python -m bench compare ROUNDS SECONDS`, `python -m bench growth PIECE…`, or `… watching`."""

import shutil
import sys

from bench import report
from bench.compare import compare
from bench.growth import PIECES
from bench.load import FailedRequests
from bench.watching import watching
from embedded import StartFailed


def main(arguments: list[str]) -> int:
    """Run a command; print an expected error as a sentence.

    Returns:
        The exit code.
    """
    program = "node" if arguments == ["watching"] else "wrk"
    if not shutil.which(program):
        print(f"This needs {program}. Install Debian's package of it.", file=sys.stderr)
        return 1
    try:
        match arguments:
            case ["compare", rounds, seconds]:
                print(report.write(compare(int(rounds), int(seconds))))
            case ["growth", *pieces] if PIECES.keys() >= set(pieces):
                _measure_growth(pieces or list(PIECES))
            case ["watching"]:
                print("\n".join(watching()))
            case _:
                print(f"PIECE must be one of {', '.join(PIECES)}.", file=sys.stderr)
                return 2
    except (StartFailed, FailedRequests) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _measure_growth(pieces: list[str]) -> None:
    for piece in pieces:
        print(f"\n{(PIECES[piece].__doc__ or '').strip()}\n")
        for line in report.write_growth(piece, PIECES[piece]()):
            print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
