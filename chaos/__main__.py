"""`python -m chaos SEED [WORD]`: play all faults, or those with a word in their names."""

import sys
import time

from chaos import table
from chaos.faults import ROWS
from chaos.scene import play

_MOST_SECONDS = 8 * 60


def main(seed: str, word: str = "") -> int:
    """Play the rows and print the table.

    Args:
        seed: a run with the same one asks the same.
        word: in the names of the rows to play; the document is left alone where it is given.

    Returns:
        1 where a row misses its bar, or was not run, or all of them took too long.
    """
    rows = [row for row in ROWS if word.lower() in row.name.lower()]
    lines, says, missed, began = table.HEAD.splitlines(), [""], not rows, time.monotonic()
    print(table.HEAD, flush=True)
    for outcome in play(rows, seed):
        lines.append(table.line(outcome))
        says += table.told(outcome)
        missed = missed or not outcome.is_met
        print(lines[-1], flush=True)
    took = time.monotonic() - began
    lines += ["", f"{len(rows)} rows in {took:.0f} s of {_MOST_SECONDS}, with SEED={seed}."]
    if not word:
        table.keep(lines)
    print(*says, *lines[-2:], sep="\n")
    return int(missed or took > _MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
