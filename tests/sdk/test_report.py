"""Reports of evaluations: charts, HTML, Markdown."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdk.charts import scatter_svg, ticks_to
from sdk.errors import ConfigError
from sdk.evaluation import Evaluation, Failure, Worst
from sdk.metrics import PhotoScore, score_photos
from sdk.report import plain, write_report
from sdk.score_text import bin_rows, headline, signed

NASTY = '<script>"a"&|b*'
PHOTOS = (PhotoScore("empty", 0, 0.4, (0.4,) * 4), PhotoScore(NASTY, 100, 80.0, (20.0, 22.0, 24.0, 26.0)))
EVALUATION = Evaluation(
    dataset="plaza <test>",
    package="quarter 1.0",
    backend="onnxruntime 1.27, cpu (CPU), fp32",
    scores=score_photos(PHOTOS),
    photos=PHOTOS,
    worst=(Worst(PHOTOS[1], np.full((48, 64, 3), 90, np.uint8)),),
    failed=(Failure("broken", "broken.jpg is cut off"),),
    moved=2,
)


class Outline(HTMLParser):
    """The tags, texts and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_an_html_report_is_one_file_that_needs_no_network(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", EVALUATION)

    outline = Outline((tmp_path / "r.html").read_text("utf-8"))

    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    assert [address.split(",")[0] for address in outline.addresses] == ["data:image/jpeg;base64"]
    assert outline.tags.count("circle") == len(PHOTOS)


def test_an_html_report_shows_names_as_text_never_as_markup(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", EVALUATION)

    outline = Outline((tmp_path / "r.html").read_text("utf-8"))

    assert "script" not in outline.tags
    assert NASTY in outline.text
    assert "quarter 1.0 on plaza <test>" in outline.text


def test_an_html_report_tells_what_was_not_counted(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", EVALUATION)

    text = Outline((tmp_path / "r.html").read_text("utf-8")).text

    assert "1 photo could not be counted; no score includes them" in text
    assert "broken.jpg is cut off" in text
    assert "2 points labelled outside the photo" in text


def test_a_markdown_report_keeps_its_chart_and_pictures_beside_it(tmp_path: Path) -> None:
    write_report(tmp_path / "my report.md", EVALUATION)

    text = (tmp_path / "my report.md").read_text("utf-8")
    files = tmp_path / "my report_files"

    assert re.findall(r"\]\((\S+)\)", text) == ["my%20report_files/scatter.svg", "my%20report_files/worst_1.jpg"]
    assert cv2.imread(str(files / "worst_1.jpg")).shape == (48, 64, 3)
    assert ET.parse(files / "scatter.svg").getroot().tag.endswith("svg")


def test_markdown_shows_names_as_they_are() -> None:
    assert plain("a|b *c*\n<d> [e](f)_") == r"a\|b \*c\* \<d\> \[e\]\(f\)\_"


def test_a_report_is_written_over_an_older_one(tmp_path: Path) -> None:
    for name in ("r.html", "r.md"):
        for package in ("first", "second"):
            write_report(tmp_path / name, replace(EVALUATION, package=package))
        assert "second" in (tmp_path / name).read_text("utf-8")


@pytest.mark.parametrize("name", ["r.pdf", "r"])
def test_a_report_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"report .* ends with '.*' \(choose \.html or \.md\)"):
        write_report(tmp_path / name, EVALUATION)


def test_a_report_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no folder .*absent for the report r\.html \(make it first\)"):
        write_report(tmp_path / "absent" / "r.html", EVALUATION)


def test_a_report_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "r_files").write_text("in the way")

    with pytest.raises(ConfigError, match=r"cannot write report .*r\.md"):
        write_report(tmp_path / "r.md", EVALUATION)


def test_the_chart_puts_a_perfect_count_on_the_line_of_equals() -> None:
    photos = [PhotoScore("a", 0, 0.0, ()), PhotoScore("b", 100, 100.0, ())]
    svg = ET.fromstring(scatter_svg(photos))
    space = "{http://www.w3.org/2000/svg}"

    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in svg.iter(f"{space}circle")]
    line = next(line.attrib for line in svg.iter(f"{space}line") if line.attrib["class"] == "equal")

    assert dots == [(float(line["x1"]), float(line["y1"])), (float(line["x2"]), float(line["y2"]))]


@pytest.mark.parametrize(
    ("most", "ticks"),
    [(0, [0, 1]), (7, [0, 2, 4, 6, 8]), (60, [0, 10, 20, 30, 40, 50, 60]), (1200.5, [0, 500, 1000, 1500])],
)
def test_axes_end_at_a_round_number_that_holds_all(most: float, ticks: list[int]) -> None:
    assert ticks_to(most) == ticks


def test_scores_without_people_have_no_relative_ones() -> None:
    rows = {name: (value, meaning) for name, value, meaning in headline(score_photos(PHOTOS[:1]))}

    assert rows["NAE"] == ("-", "mean error relative to the true count; leaves out 1 photo without people")
    assert rows["bias"] == ("+0.4", "above 0 counts too many")


def test_only_densities_with_photos_are_shown() -> None:
    assert bin_rows(EVALUATION.scores) == [("none", "1", "0.4", "+0.4"), ("51 to 200", "1", "20.0", "-20.0")]


def test_a_small_loss_is_not_shown_as_minus_nothing() -> None:
    assert [signed(value) for value in (-0.04, 0.0, -1234.56)] == ["+0.0", "+0.0", "-1,234.6"]
