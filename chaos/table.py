"""The table of a run, as it is printed and as it is kept in the document."""

import re

from bench.ground import ROOT
from chaos.scene import NotRun, Outcome

_DOCUMENT = ROOT / "docs" / "reliability.md"
HEAD = (
    "| fault, under load | times | in flight | acknowledged | unanswered | lost | wrong "
    "| failed, by kind | longest s | back after s | bar |\n" + "|" + " --- |" * 11
)


def line(outcome: Outcome | NotRun) -> str:
    """Return the row of a fault."""
    cells: tuple[object, ...] = (outcome.row.name, *[""] * 9, "**not run**")
    if isinstance(outcome, Outcome):
        failures = [f"{kind}: {count}" for kind, count in sorted(outcome.failures.items())]
        cells = (
            outcome.row.name,
            outcome.struck,
            outcome.in_flight,
            outcome.acknowledged,
            outcome.unanswered,
            outcome.judgement.lost,
            outcome.judgement.wrong,
            ", ".join(failures) or "none",
            f"{outcome.longest:.2f}",
            f"{outcome.recovery:.2f}",
            ("**missed**" if outcome.misses else "met") + outcome.seen,
        )
    return f"| {' | '.join(map(str, cells))} |"


def told(outcome: Outcome | NotRun) -> list[str]:
    """Return what is to be said of a row beside the table."""
    says = [f"not run: {outcome.why}"] if isinstance(outcome, NotRun) else outcome.misses
    return [f"{outcome.row.name}: {one}" for one in says]


def keep(lines: list[str]) -> None:
    """Write the table between its marks in the document."""
    marked = re.compile(r"(<!-- make chaos -->\n).*?(<!-- end -->)", re.DOTALL)
    told = "\n".join(lines)
    text = marked.sub(lambda marks: f"{marks[1]}{told}\n{marks[2]}", _DOCUMENT.read_text())
    _DOCUMENT.write_text(text)
