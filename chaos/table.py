"""The table of a run, as printed and as written to the document."""

from bench.report import replace_marked
from chaos.scene import NotRun, Outcome
from embedded.local import ROOT

_DOCUMENT = ROOT / "docs" / "reliability.md"
HEAD = (
    "| fault, under load | times | in flight | acknowledged | unanswered | lost | wrong "
    "| failed, by kind | longest s | back after s | bar |\n" + "|" + " --- |" * 11
)


def line(outcome: Outcome | NotRun) -> str:
    """Return the table's line for a row."""
    cells: tuple[object, ...] = (outcome.row.name, *[""] * 9, "**not run**")
    if isinstance(outcome, Outcome):
        failures = [f"{kind}: {count}" for kind, count in sorted(outcome.failures.items())]
        cells = (
            outcome.row.name,
            outcome.strikes,
            outcome.in_flight,
            outcome.acknowledged,
            outcome.unanswered,
            outcome.judgement.lost,
            outcome.judgement.wrong,
            ", ".join(failures) or "none",
            f"{outcome.longest:.2f}",
            f"{outcome.recovery:.2f}",
            ("**missed**" if outcome.misses else "met") + outcome.remark,
        )
    return f"| {' | '.join(map(str, cells))} |"


def remarks(outcome: Outcome | NotRun) -> list[str]:
    """Return the reasons why a row missed its bar or was not run."""
    reasons = [f"not run: {outcome.reason}"] if isinstance(outcome, NotRun) else outcome.misses
    return [f"{outcome.row.name}: {reason}" for reason in reasons]


def write(lines: list[str]) -> None:
    """Write the table between its marks in the document."""
    replace_marked(_DOCUMENT, "make chaos", "\n".join(lines))
