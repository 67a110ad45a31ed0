"""The results as one HTML page that needs no network, with bars for time and memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from sdk.bench.figures import Row
from sdk.bench.machine import CLEAN
from sdk.bench.run import Bench
from sdk.bench.text import HEADER, cells, heading, overheads, peaks, ratios, warnings
from sdk.charts import ticks_to
from sdk.report_html import STYLE

LABEL, PLOT, RIGHT, BAR, GAP, TOP = 330, 560, 70, 20, 12, 8  # of a chart, in SVG units
CHART = (
    "text{font:12px system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#57606a}"
    ".grid{stroke:#e8ebef}.clean{fill:#1f6feb}.busy{fill:#d4a72c}.whisker{stroke:#1f2328}"
)
WIDE = "body { max-width: 1400px; } .scroll { overflow-x: auto; } .scroll td { white-space: nowrap; }"


def html_page(bench: Bench) -> str:
    """The whole page."""
    title = escape(f"{bench.package}: speed and memory")
    ran = [row for row in bench.rows if not row.failed]
    head = "".join(f"<th>{escape(name)}</th>" for name in HEADER)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(row)) + "</tr>" for row in bench.rows)
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>\n<style>{STYLE}{WIDE}</style>\n</head>\n<body>\n<h1>{title}</h1>",
        *(f'<p class="quiet">{escape(line)}</p>' for line in heading(bench).split("\n")),
        *(f'<p class="note">{escape(line)}</p>' for line in warnings(bench)),
        "<h2>Milliseconds a photo, median and p95; yellow: the machine was busy</h2>",
        bars(ran, lambda row: row.median_ms, lambda row: row.p95_ms),
        "<h2>Peak memory, MB</h2>",
        bars(ran, lambda row: row.peak_mb),
        (
            f'<h2>All figures</h2>\n<div class="scroll"><table class="numbers"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        ),
        *_list("Side by side", ratios(bench)),
        *_list("What counting adds", overheads(bench)),
        *_list("The engines' own convolutions here", peaks(bench)),
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def bars(
    rows: Sequence[Row], value: Callable[[Row], float | None], whisker: Callable[[Row], float | None] = lambda _: None
) -> str:
    """A bar a row, from the left; a line reaches on to the whisker's value."""
    found = [(row, length, whisker(row) or length) for row in rows if (length := value(row)) is not None]
    ticks = ticks_to(max((far for _, _, far in found), default=1.0))
    height = TOP + len(found) * (BAR + GAP) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {LABEL + PLOT + RIGHT} {height}">',
        f"<style>{CHART}</style>",
        *(_grid(tick, ticks[-1], height) for tick in ticks),
        *(_bar(at, one, ticks[-1]) for at, one in enumerate(found)),
        "</svg>",
    ]
    return "\n".join(parts)


def _grid(tick: int, most: int, height: int) -> str:
    x = _place(tick, most)
    line = f'<line class="grid" x1="{x}" y1="0" x2="{x}" y2="{height - 22}"/>'
    return line + f'<text x="{x}" y="{height - 6}" text-anchor="middle">{tick:,}</text>'


def _bar(at: int, one: tuple[Row, float, float], most: int) -> str:
    row, length, far = one
    y, end = TOP + at * (BAR + GAP), _place(length, most)
    kind = "clean" if row.load.state == CLEAN else "busy"
    middle = y + BAR / 2
    return (
        f'<text x="{LABEL - 8}" y="{middle + 4}" text-anchor="end">{escape(row.name)}</text>'
        f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{round(end - LABEL, 1)}" height="{BAR}"/>'
        f'<line class="whisker" x1="{end}" y1="{middle}" x2="{_place(far, most)}" y2="{middle}"/>'
        f'<text x="{_place(far, most) + 6}" y="{middle + 4}">{length:,.1f}</text>'
    )


def _place(value: float, most: int) -> float:
    return round(LABEL + PLOT * value / most, 1)


def _list(title: str, lines: Sequence[str]) -> list[str]:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return [f"<h2>{escape(title)}</h2>\n<ul>{items}</ul>"] if lines else []
