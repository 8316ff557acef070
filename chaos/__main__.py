"""`python -m chaos SEED [WORD [REQUESTS]]`: play all rows, or those with a word in their names."""

import sys
import time

from chaos import table
from chaos.faults import ROWS
from chaos.play import SHORT, play

_MAX_SECONDS = 8 * 60


def main(seed: str, word: str = "", requests: str = str(SHORT)) -> int:
    """Play rows and print their table.

    Args:
        seed: runs with the same seed send the same requests.
        word: plays only rows whose names contain it, and leaves the document unchanged.
        requests: how many a large row has; with more than by default the time has no limit.

    Returns:
        1 when a row misses its bar or cannot be run, or when the run takes too long.
    """
    rows = [row for row in ROWS if word.lower() in row.name.lower()]
    lines, remarks, failed, began = table.HEAD.splitlines(), [""], not rows, time.monotonic()
    print(table.HEAD, flush=True)
    for outcome in play(rows, seed, int(requests)):
        lines.append(table.line(outcome))
        remarks += table.remarks(outcome)
        failed = failed or not outcome.is_met
        print(lines[-1], flush=True)
    took = time.monotonic() - began
    lines += ["", f"{len(rows)} rows in {took:.0f} s of {_MAX_SECONDS}, with SEED={seed}."]
    if not word:
        table.write(lines)
    print(*remarks, *lines[-2:], sep="\n")
    return int(failed or (took > _MAX_SECONDS and int(requests) <= SHORT))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
