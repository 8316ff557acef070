"""`python -m chaos SEED [WORD]`: play all faults, or those with a word in their names."""

import sys
import time

from chaos import table
from chaos.faults import ROWS
from chaos.scene import Outcome, play


def main(seed: str, word: str = "") -> int:
    """Play the rows and print the table.

    Args:
        seed: a run with the same one asks the same.
        word: in the names of the rows to play; the document is left alone where it is given.

    Returns:
        1 where a row misses its bar.
    """
    rows = [row for row in ROWS if word.lower() in row.name.lower()]
    lines, says, missed, began = table.HEAD.splitlines(), [""], not rows, time.monotonic()
    print(table.HEAD, flush=True)
    for outcome in play(rows, seed):
        lines.append(table.line(outcome))
        says += table.told(outcome)
        missed = missed or (isinstance(outcome, Outcome) and bool(outcome.misses))
        print(lines[-1], flush=True)
    if not word:
        table.keep(lines)
    print(*says, f"{time.monotonic() - began:.0f} s, SEED={seed}", sep="\n")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
