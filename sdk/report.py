"""A report of an evaluation that needs no network: HTML with everything inside, or Markdown beside a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

import cv2

from sdk.charts import scatter_svg
from sdk.errors import ConfigError
from sdk.evaluation import Evaluation
from sdk.files import write_whole
from sdk.frame import Image
from sdk.report_html import html_page
from sdk.score_text import BIN_HEADER, ZONE_HEADER, bin_rows, error_line, headline, notes, subtitle, zone_rows
from sdk.zones_score import ZoneScores

JPEG_QUALITY = 82


def write_report(path: Path, evaluation: Evaluation) -> None:
    """Write NAME.html, or NAME.md with its chart and pictures in NAME_files."""
    check_report_path(path)
    try:
        WRITERS[path.suffix.lower()](path, evaluation)
    except OSError as error:
        hint = "free space or name another file"
        raise ConfigError(f"cannot write report {path}: {error.strerror}", hint=hint) from error


def check_report_path(path: Path) -> None:
    """Refuse a report's name before hours of counting, not after them."""
    if path.suffix.lower() not in WRITERS:
        raise ConfigError(f"report {path} ends with {path.suffix!r}", hint=f"choose {' or '.join(WRITERS)}")
    if not path.parent.is_dir():
        raise ConfigError(f"no folder {path.parent} for the report {path.name}", hint="make it first")


def jpeg(picture: Image) -> bytes:
    """A picture (h, w, 3) uint8 BGR as a JPEG file."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return data.tobytes()


def _write_html(path: Path, evaluation: Evaluation) -> None:
    pictures = [jpeg(worst.picture) for worst in evaluation.worst]
    write_whole(path, html_page(evaluation, pictures).encode())


def _write_markdown(path: Path, evaluation: Evaluation) -> None:
    folder = path.with_name(f"{path.stem}_files")
    folder.mkdir(exist_ok=True)
    write_whole(folder / "scatter.svg", scatter_svg(evaluation.photos).encode())
    for number, worst in enumerate(evaluation.worst, 1):
        write_whole(folder / f"worst_{number}.jpg", jpeg(worst.picture))
    write_whole(path, markdown_page(evaluation, quote(folder.name)).encode())


WRITERS: dict[str, Callable[[Path, Evaluation], None]] = {".html": _write_html, ".md": _write_markdown}


def markdown_page(evaluation: Evaluation, folder: str) -> str:
    """The report as Markdown; `folder` is where its chart and pictures are, as a URL relative to it."""
    parts = [
        f"# {plain(evaluation.package)} on {plain(evaluation.dataset)}",
        plain(subtitle(evaluation)),
        *notes(evaluation),
        markdown_table(("score", "value", "meaning"), headline(evaluation.scores)),
        "## True against counted",
        f"![A dot a photo: true people against counted people]({folder}/scatter.svg)",
        "## By density",
        markdown_table(BIN_HEADER, bin_rows(evaluation.scores)),
        *(() if evaluation.zones is None else ("## By zone", zone_table(evaluation.zones))),
        "## Largest errors",
    ]
    for number, worst in enumerate(evaluation.worst, 1):
        name = plain(worst.photo.name)
        parts += [
            f"**{name}**: {error_line(worst.photo)}",
            f"![{name} under its heat map]({folder}/worst_{number}.jpg)",
        ]
    if evaluation.failed:
        rows = [(plain(failure.name), plain(failure.message)) for failure in evaluation.failed]
        parts += ["## Not counted", markdown_table(("photo", "reason"), rows)]
    return "\n\n".join(parts) + "\n"


def markdown_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table of cells that are Markdown already."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def zone_table(scores: ZoneScores) -> str:
    """The zones' scores as Markdown."""
    return markdown_table(ZONE_HEADER, [(plain(zone), *numbers) for zone, *numbers in zone_rows(scores)])


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&-])", r"\\\1", " ".join(text.split()))
