"""`python -m chaos SEED [WORD]`: play all faults, or those with a word in their names."""

import sys
import time

from chaos import table
from chaos.faults import ROWS
from chaos.scene import play


def main(seed: str, word: str = "") -> int:
    """Play the rows and print the table.

    Args:
        seed: a run with the same one asks the same.
        word: in the names of the rows to play; the document is left alone where it is given.

    Returns:
        1 where a row misses its bar.
    """
    rows = [row for row in ROWS if word.lower() in row.name.lower()]
    lines, misses, began = table.HEAD.splitlines(), [], time.monotonic()
    print(table.HEAD, flush=True)
    for row in rows:
        outcome = play(row, seed)
        lines.append(table.line(outcome))
        misses += [f"{row.name}: {told}" for told in outcome.misses]
        print(lines[-1], flush=True)
    if not word:
        table.keep(lines)
    print("", *misses, f"{time.monotonic() - began:.0f} s, SEED={seed}", sep="\n")
    return bool(misses) or not rows


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
