"""What a comparison comes to: the medians, the ratios beside their bars, the chart."""

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

_ROOT = Path(__file__).resolve().parent.parent
_RESULTS = _ROOT / "bench" / "results.json"
_CHART = _ROOT / "docs" / "performance.svg"
_DOCUMENT = _CHART.with_suffix(".md")
_TITLES = {"chapter": "chapter post", "get": "GET"}
_CPU = ("app_cpu", "database_cpu")

Medians = Callable[..., float]


class Bar(NamedTuple):
    """A ratio, and what it must hold and should reach, for a chapter post and for a GET."""

    says: str
    ratio: Callable[[Medians], float]
    chapter: tuple[float, float]
    get: tuple[float, float]


def _of(rival: str, *names: str, at: str = TOP) -> Callable[[Medians], float]:
    def ratio(of: Medians) -> float:
        return of(SERVICE, *names, at=at) / of(rival, *names, at=at)

    return ratio


_BARS = (
    Bar("CPU, app + PostgreSQL, of the rival", _of(FULL, *_CPU), (0.40, 0.33), (0.50, 0.40)),
    Bar("CPU, app + PostgreSQL, of the lean rival", _of(LEAN, *_CPU), (0.55, 0.45), (0.90, 0.70)),
    Bar("CPU of PostgreSQL, of the rival", _of(FULL, _CPU[1]), (0.42, 0.35), (0.70, 0.50)),
    Bar("requests per second, of the rival", _of(FULL, "per_second"), (2.2, 3.0), (1.7, 2.2)),
    Bar("requests per second, of the floor", _of(FLOOR, "per_second"), (0.2, 0.33), (0.083, 0.125)),
    Bar("p99 at half of the rival's top", _of(FULL, "p99", at=HALF), (1.0, 0.5), (1.0, 0.5)),
)
_AT_LEAST = "per second"


def write(done: Comparison) -> str:
    """Write the samples, the chart and the tables of the last run, and return those."""
    _keep(machine=_machine(), **asdict(done))
    _chart(done)
    told = tables(done)
    _put("make bench", told)
    return told


def _keep(**seen: Any) -> None:
    kept = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {}
    _RESULTS.write_text(json.dumps(kept | seen, indent=1) + "\n")


def _put(command: str, told: str) -> None:
    """Write what a command told between its marks in the document."""
    marked = re.compile(rf"(<!-- {command} -->\n).*?(<!-- end -->)", re.DOTALL)
    text = marked.sub(lambda marks: f"{marks[1]}{told}\n{marks[2]}", _DOCUMENT.read_text())
    _DOCUMENT.write_text(text)


def tables(done: Comparison) -> str:
    """Return the medians and the ratios as Markdown."""
    return "\n".join([*_medians_table(done), "", *_ratios_table(done)])


def write_growth(piece: str, rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Write what was seen of a piece, and return its table, a line when it is known."""
    seen: list[dict[str, Any]] = []
    lines: list[str] = []
    for row in rows:
        other = not seen or seen[-1].keys() != row.keys()
        new = [*([""] if lines and other else []), *_lines(row, with_head=other)]
        seen.append(row)
        lines += new
        yield from new
    _keep(**{piece: seen})
    _put(f"make bench-growth PIECE={piece}", "\n".join(lines))


def _lines(row: dict[str, Any], *, with_head: bool) -> list[str]:
    head = [f"| {' | '.join(row)} |", f"|{' --- |' * len(row)}"] if with_head else []
    return [*head, f"| {' | '.join(map(_cell, row.values()))} |"]


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _medians_table(done: Comparison) -> Iterator[str]:
    yield "| | CPU µs: app + PostgreSQL + Valkey | requests/s | p50 ms | p99 ms |"
    yield "| --- | --- | --- | --- | --- |"
    for kind in KINDS:
        of = _medians(done, kind)
        for name in _names(done):
            yield f"| {_TITLES[kind]}, {name} | {_row(of, name)} |"


def _row(of: Medians, name: str) -> str:
    per_second = f"{of(name, 'per_second'):,.0f}"
    if name == FLOOR:
        return f"| {per_second} | |"
    cpu = " + ".join(f"{of(name, cpu):,.0f}" for cpu in (*_CPU, "store_cpu"))
    return f"{cpu} | {per_second} | {of(name, 'p50'):.1f} | {of(name, 'p99'):.1f}"


def _ratios_table(done: Comparison) -> Iterator[str]:
    yield "| ratio | chapter post | bar, goal | GET | bar, goal |"
    yield "| --- | --- | --- | --- | --- |"
    chapter, get = (_medians(done, kind) for kind in KINDS)
    for bar in _BARS:
        told = [_verdict(bar, bar.ratio(chapter), *bar.chapter), _span(bar, *bar.chapter)]
        told += [_verdict(bar, bar.ratio(get), *bar.get), _span(bar, *bar.get)]
        yield f"| {bar.says} | {' | '.join(told)} |"


def _verdict(bar: Bar, value: float, must: float, should: float) -> str:
    sign = -1 if _AT_LEAST in bar.says else 1
    met = "goal" if sign * value <= sign * should else "bar"
    return f"{value:.2f} ({met if sign * value <= sign * must else 'missed'})"


def _span(bar: Bar, must: float, should: float) -> str:
    return f"{'>=' if _AT_LEAST in bar.says else '<='} {must:.2f}, {should:.2f}"


def _medians(done: Comparison, kind: str) -> Medians:
    def of(contestant: str, *names: str, at: str = TOP) -> float:
        value: float = median(
            sum(sample[name] for name in names)
            for sample in done.samples
            if (sample["contestant"], sample["kind"], sample["at"]) == (contestant, kind, at)
        )
        return value

    return of


def _names(done: Comparison) -> list[str]:
    return list(dict.fromkeys(sample["contestant"] for sample in done.samples))


def _chart(done: Comparison) -> None:
    chart = pygal.HorizontalStackedBar(js=[], height=420, title="CPU µs a request")
    rows = [(kind, name) for kind in KINDS for name in _names(done) if name != FLOOR][::-1]
    chart.x_labels = [f"{_TITLES[kind]}, {name}" for kind, name in rows]
    for title, cpu in (("app", "app_cpu"), ("PostgreSQL", "database_cpu"), ("Valkey", "store_cpu")):
        chart.add(title, [round(_medians(done, kind)(name, cpu)) for kind, name in rows])
    chart.render_to_file(str(_CHART))


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
