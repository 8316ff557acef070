"""Report a comparison: the medians, the ratios with their bars, and the chart."""

import json
import os
import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pygal

from bench.compare import FLOOR, FULL, HALF, KINDS, LEAN, SERVICE, TOP, Comparison
from bench.many import FEW, MANY
from embedded.local import ROOT

_RESULTS = ROOT / "bench" / "results.json"
_CHART = ROOT / "docs" / "performance.svg"
_DOCUMENT = _CHART.with_suffix(".md")
_APPENDIX = _CHART.with_name("performance-appendix.md")
_TITLES = {"chapter": "chapter post", "get": "GET"}
_CPU = ("app_cpu", "database_cpu")

Medians = Callable[..., float]


class Bar(NamedTuple):
    """A ratio, and the values that it must and should reach, for a chapter post and for a GET."""

    title: str
    ratio: Callable[[Medians], float]
    chapter: tuple[float, float]
    get: tuple[float, float]


def _ratio(rival: str, *names: str, at: str = TOP) -> Callable[[Medians], float]:
    def ratio(medians: Medians) -> float:
        return medians(SERVICE, *names, at=at) / medians(rival, *names, at=at)

    return ratio


_BARS = (
    Bar("CPU, app + PostgreSQL, of the rival", _ratio(FULL, *_CPU), (0.40, 0.33), (0.50, 0.40)),
    Bar(
        "CPU, app + PostgreSQL, of the lean rival", _ratio(LEAN, *_CPU), (0.55, 0.45), (0.90, 0.70)
    ),
    Bar("CPU of PostgreSQL, of the rival", _ratio(FULL, _CPU[1]), (0.42, 0.35), (0.70, 0.50)),
    Bar("requests per second, of the rival", _ratio(FULL, "per_second"), (2.2, 3.0), (1.7, 2.2)),
    Bar(
        "requests per second, of the floor",
        _ratio(FLOOR, "per_second"),
        (0.2, 0.33),
        (0.083, 0.125),
    ),
    Bar("p99 at half of the rival's top", _ratio(FULL, "p99", at=HALF), (1.0, 0.5), (1.0, 0.5)),
)
_AT_LEAST = "per second"


def write(comparison: Comparison) -> str:
    """Write a comparison's samples, chart and tables to their files.

    Returns:
        The tables.
    """
    _store(machine=_machine(), **asdict(comparison))
    _chart(comparison)
    report = tables(comparison)
    replace_marked(_DOCUMENT, "make bench", report)
    return report


def _store(**results: Any) -> None:
    earlier = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    _RESULTS.write_text(json.dumps(earlier | results, indent=1) + "\n")


def replace_marked(document: Path, command: str, text: str) -> None:
    """Replace the text between a command's marks in a document.

    Args:
        document: has a line `<!-- COMMAND -->` before the text and `<!-- end -->` after it.
        command: the command that printed the text.
        text: the new text.
    """
    marked = re.compile(rf"(<!-- {command} -->\n).*?(<!-- end -->)", re.DOTALL)
    new = marked.sub(lambda marks: f"{marks[1]}{text}\n{marks[2]}", document.read_text())
    document.write_text(new)


def tables(comparison: Comparison) -> str:
    """Return the medians and the ratios as Markdown."""
    parts = (_medians_table, _ratios_table, many_table)
    return "\n\n".join("\n".join(part(comparison)) for part in parts)


def write_growth(piece: str, rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a piece's tables as its rows arrive; write all to the files at the end.

    Args:
        piece: its name.
        rows: its measurements; other columns than before begin a new table.
    """
    earlier: list[dict[str, Any]] = []
    lines: list[str] = []
    for row in rows:
        begins_table = not earlier or earlier[-1].keys() != row.keys()
        new = [*([""] if lines and begins_table else []), *_lines(row, with_head=begins_table)]
        earlier.append(row)
        lines += new
        yield from new
    _store(**{piece: earlier})
    replace_marked(_APPENDIX, f"make bench-growth PIECE={piece}", "\n".join(lines))


def _lines(row: dict[str, Any], *, with_head: bool) -> list[str]:
    head = [f"| {' | '.join(row)} |", f"|{' --- |' * len(row)}"] if with_head else []
    return [*head, f"| {' | '.join(map(_cell, row.values()))} |"]


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _medians_table(comparison: Comparison) -> Iterator[str]:
    yield "| | CPU µs: app + PostgreSQL + Valkey | requests/s | p50 ms | p99 ms |"
    yield "| --- | --- | --- | --- | --- |"
    for kind in KINDS:
        medians = _medians(comparison, kind)
        for name in _names(comparison):
            yield f"| {_TITLES[kind]}, {name} | {_row(medians, name)} |"


def _row(medians: Medians, name: str) -> str:
    per_second = f"{medians(name, 'per_second'):,.0f}"
    if name == FLOOR:
        return f"| {per_second} | |"
    cpu = " + ".join(f"{medians(name, cpu):,.0f}" for cpu in (*_CPU, "store_cpu"))
    return f"{cpu} | {per_second} | {medians(name, 'p50'):.1f} | {medians(name, 'p99'):.1f}"


def _ratios_table(comparison: Comparison) -> Iterator[str]:
    yield "| ratio | chapter post | bar, goal | GET | bar, goal |"
    yield "| --- | --- | --- | --- | --- |"
    chapter, get = (_medians(comparison, kind) for kind in KINDS)
    for bar in _BARS:
        cells = [_verdict(bar, bar.ratio(chapter), *bar.chapter), _limits(bar, *bar.chapter)]
        cells += [_verdict(bar, bar.ratio(get), *bar.get), _limits(bar, *bar.get)]
        yield f"| {bar.title} | {' | '.join(cells)} |"


def many_table(comparison: Comparison) -> Iterator[str]:
    """Yield the table of the list and of events, each with its bar."""
    yield "| | CPU µs: app + PostgreSQL | p50 ms | ratio | bar |"
    yield "| --- | --- | --- | --- | --- |"
    get, few, post, events, longest = (
        _many_medians(comparison, kind, FEW)
        for kind in ("get", "list", "chapter", "events-50", "events-500")
    )
    of_many = _many_medians(comparison, "list", MANY)
    yield _many_line("GET", get)
    yield _many_line("list of 20, of 50 tutorials", few, _cost(few) / _cost(get), 1.3)
    yield _many_line("list of 20, of 5,000 tutorials", of_many, _cost(of_many) / _cost(few), 1.5)
    yield _many_line("chapter post", post)
    yield _many_line("50 events of one tutorial", events, _cost(events) / _cost(post), 4)
    yield _fifty_posts("50 chapter posts", post)
    medians = _medians(comparison, "chapter")
    yield _fifty_posts("50 chapter posts, rival", [medians(FULL, name) for name in _CPU])
    yield _many_line("500 events of one tutorial: p50", longest, longest[2], 150)


def _many_medians(comparison: Comparison, kind: str, tutorials: int) -> list[float]:
    samples = [s for s in comparison.many if (s["kind"], s["tutorials"]) == (kind, tutorials)]
    return [median(sample[name] for sample in samples) for name in (*_CPU, "p50")]


def _cost(medians: list[float]) -> float:
    app, database, *_ = medians
    return app + database


def _many_line(title: str, medians: list[float], value: float = 0, bar: float = 0) -> str:
    app, database, p50 = medians
    verdict = f"{value:.2f} ({'bar' if value <= bar else 'missed'}) | <= {bar:g}" if bar else "| "
    return f"| {title} | {app:,.0f} + {database:,.0f} | {p50:.1f} | {verdict} |"


def _fifty_posts(title: str, of_one: list[float]) -> str:
    app, database, *_ = of_one
    return f"| {title} | {app * 50:,.0f} + {database * 50:,.0f} | | | |"


def _verdict(bar: Bar, value: float, must: float, should: float) -> str:
    sign = -1 if _AT_LEAST in bar.title else 1
    met = "goal" if sign * value <= sign * should else "bar"
    return f"{value:.2f} ({met if sign * value <= sign * must else 'missed'})"


def _limits(bar: Bar, must: float, should: float) -> str:
    return f"{'>=' if _AT_LEAST in bar.title else '<='} {must:.2f}, {should:.2f}"


def _medians(comparison: Comparison, kind: str) -> Medians:
    def medians(contestant: str, *names: str, at: str = TOP) -> float:
        value: float = median(
            sum(sample[name] for name in names)
            for sample in comparison.samples
            if (sample["contestant"], sample["kind"], sample["at"]) == (contestant, kind, at)
        )
        return value

    return medians


def _names(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(sample["contestant"] for sample in comparison.samples))


def _chart(comparison: Comparison) -> None:
    chart = pygal.HorizontalStackedBar(js=[], height=420, title="CPU µs a request")
    rows = [(kind, name) for kind in KINDS for name in _names(comparison) if name != FLOOR][::-1]
    chart.x_labels = [f"{_TITLES[kind]}, {name}" for kind, name in rows]
    for title, cpu in (("app", "app_cpu"), ("PostgreSQL", "database_cpu"), ("Valkey", "store_cpu")):
        chart.add(title, [round(_medians(comparison, kind)(name, cpu)) for kind, name in rows])
    chart.render_to_file(str(_CHART))


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
