"""The HTML of a report: one light page, everything inside."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from sdk.charts import scatter_svg
from sdk.evaluation import Evaluation, Failure, Worst
from sdk.score_text import BIN_HEADER, ZONE_HEADER, bin_rows, error_line, headline, notes, subtitle, zone_rows
from sdk.zones_score import ZoneScores

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 40px 24px 64px; background: #fff; color: #1f2328;
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 44px 0 14px; }
h1, h2, p, td, figcaption { overflow-wrap: anywhere; }
p { margin: 4px 0; }
.quiet, figcaption span { color: #57606a; }
.note { background: #fff8e5; border-left: 3px solid #d4a72c; margin: 12px 0 0; padding: 8px 12px; }
.tiles { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); margin-top: 28px; }
.tile { border: 1px solid #e1e5ea; border-radius: 8px; padding: 12px 16px; }
.tile b { display: block; font-size: 26px; font-variant-numeric: tabular-nums; line-height: 1.3; }
.tile span { color: #57606a; display: block; font-size: 13px; }
.pair { align-items: start; display: grid; gap: 8px 40px; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); }
svg { height: auto; max-width: 100%; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #e1e5ea; padding: 7px 10px; text-align: left; }
th { color: #57606a; font-size: 13px; font-weight: 500; }
.numbers :is(th, td) + :is(th, td) { font-variant-numeric: tabular-nums; text-align: right; }
.pictures { display: grid; gap: 24px; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); }
figure { margin: 0; }
figure img { border-radius: 6px; display: block; max-width: 100%; }
figcaption { font-size: 14px; margin-top: 6px; }
figcaption b { display: block; }
"""


def html_page(evaluation: Evaluation, pictures: Sequence[bytes]) -> str:
    """The whole report; `pictures` are the JPEG files of the worst photos, in their order."""
    title = f"{escape(evaluation.package)} on {escape(evaluation.dataset)}"
    sections = [
        f"<h1>{title}</h1>",
        f'<p class="quiet">{escape(subtitle(evaluation))}</p>',
        *(f'<p class="note">{escape(note)}</p>' for note in notes(evaluation)),
        _tiles(headline(evaluation.scores)),
        '<div class="pair"><div><h2>True against counted</h2>',
        scatter_svg(evaluation.photos),
        "</div><div><h2>By density</h2>",
        _table("numbers", BIN_HEADER, bin_rows(evaluation.scores)),
        _zones(evaluation.zones),
        "</div></div>",
        "<h2>Largest errors</h2>",
        _pictures(evaluation.worst, pictures),
        _failures(evaluation.failed),
    ]
    return "\n".join([_head(title), *sections, "</body>", "</html>", ""])


def _head(title: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>"
    )


def _tiles(rows: Iterable[tuple[str, str, str]]) -> str:
    """A box for each score: name, value, meaning."""
    tiles = (
        f'<div class="tile">{escape(name)}<b>{escape(value)}</b><span>{escape(meaning)}</span></div>'
        for name, value, meaning in rows
    )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _table(kind: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _zones(scores: ZoneScores | None) -> str:
    return "" if scores is None else "<h2>By zone</h2>" + _table("numbers", ZONE_HEADER, zone_rows(scores))


def _pictures(worst: Iterable[Worst], pictures: Iterable[bytes]) -> str:
    figures = (_figure(item, picture) for item, picture in zip(worst, pictures, strict=True))
    return f'<div class="pictures">{"".join(figures)}</div>'


def _figure(worst: Worst, picture: bytes) -> str:
    name = escape(worst.photo.name)
    source = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    caption = f"<figcaption><b>{name}</b><span>{escape(error_line(worst.photo))}</span></figcaption>"
    return f'<figure><img src="{source}" alt="{name} under its heat map">{caption}</figure>'


def _failures(failed: Sequence[Failure]) -> str:
    if not failed:
        return ""
    table = _table("words", ("photo", "reason"), ((failure.name, failure.message) for failure in failed))
    return f"<h2>Not counted</h2>{table}"
