"""The editor's page in a real browser: zones are drawn with a mouse and end up in the file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from sdk.commands.zones import prepare
from sdk.ground import Ground
from sdk.zones import Zone, Zones
from sdk.zones_server import EditorServer
from tests.sdk.photo_files import encoded
from tests.tiny_package import noise_photo
from tests.webdriver import Page, browser, until

pytestmark = pytest.mark.skipif(browser() is None, reason="not run: chromium and chromedriver are not installed")

LOW = Zone(
    "low",
    ((0.1, 0.6), (0.4, 0.6), (0.4, 0.9), (0.1, 0.9)),
    ground=Ground(((0.3, 0.5), (0.7, 0.5), (1.0, 1.0), (0.0, 1.0)), ((0, 9), (9, 9), (9, 0), (0, 0))),
)


class Editor:
    """The page over a photo, and the file that it writes."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page, self.file = page, file
        box = "const b = document.querySelector('image').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]"
        self._left, self._top, self._width, self._height = page.run(box)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of the window for a place of the photo."""
        return self._left + x * self._width, self._top + y * self._height

    def draw(self, *corners: tuple[float, float], name: str = "") -> None:
        self.page.click_on("#new")
        for corner in corners:
            self.page.click(*self.at(*corner))
        self.page.type("Enter")
        if name:
            self.page.type(name)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        halfway = self.at((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        self.page.mouse(("down", *self.at(*start)), ("move", *halfway), ("up", *self.at(*end)))

    def save(self) -> tuple[Zone, ...]:
        self.page.click_on("#save")
        until(lambda: self.text("#status") == "Saved")
        return Zones.read(self.file).zones

    def text(self, selector: str) -> str:
        return str(self.page.run("return document.querySelector(arguments[0]).textContent", selector))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with closing(Page(tmp_path_factory.mktemp("profile"))) as one:
        yield one


@pytest.fixture
def editor(page: Page, tmp_path: Path) -> Iterator[Editor]:
    (tmp_path / "gate.png").write_bytes(encoded(noise_photo(240, 360)))
    Zones((LOW,)).write(tmp_path / "zones.yaml")
    server = EditorServer(prepare(tmp_path / "gate.png", tmp_path / "zones.yaml"))
    thread = threading.Thread(target=server.serve)
    thread.start()
    page.open(server.url)
    until(lambda: page.run("return document.body.dataset.ready"))
    yield Editor(page, tmp_path / "zones.yaml")
    page.open("about:blank")
    server.stop()
    thread.join(timeout=10)


def test_a_zone_is_drawn_named_and_saved_and_the_others_are_kept(editor: Editor) -> None:
    editor.draw((0.2, 0.1), (0.8, 0.1), (0.6, 0.4), name="gate")

    low, gate = editor.save()

    assert low == LOW
    assert gate.name == "gate"
    assert gate.polygon == pytest.approx(np.array([[0.2, 0.1], [0.8, 0.1], [0.6, 0.4]]), abs=0.005)


def test_a_click_on_the_first_corner_closes_a_zone_and_corners_snap_to_others_and_the_frame(editor: Editor) -> None:
    editor.draw((0.405, 0.595), (0.995, 0.3), (0.998, 0.995), (0.405, 0.905), (0.402, 0.6), name="beside")

    _, beside = editor.save()

    assert beside.points[0] == LOW.points[1]
    assert beside.points[3] == LOW.points[2]
    assert [beside.points[1][0], *beside.points[2]] == [1, 1, 1]


def test_a_zone_and_a_corner_are_dragged_and_undone(editor: Editor) -> None:
    editor.drag((0.25, 0.7), (0.45, 0.5))
    editor.drag((0.6, 0.4), (0.7, 0.3))
    (moved,) = editor.save()

    editor.page.click_on("#undo")
    editor.page.click_on("#undo")
    (back,) = editor.save()

    assert moved.polygon == pytest.approx(np.array([[0.3, 0.4], [0.7, 0.3], [0.6, 0.7], [0.3, 0.7]]), abs=0.01)
    assert back == LOW


def test_a_zone_cannot_be_dragged_out_of_the_frame(editor: Editor) -> None:
    editor.drag((0.25, 0.7), (0.02, 0.98))

    (moved,) = editor.save()

    assert moved.polygon.min(0).tolist() == [0, pytest.approx(0.7, abs=1e-4)]
    assert moved.polygon.max(0).tolist() == [pytest.approx(0.3, abs=1e-4), 1]


def test_a_corner_is_added_on_a_side_and_deleted_again(editor: Editor) -> None:
    editor.page.click(*editor.at(0.25, 0.7))
    editor.drag((0.25, 0.6), (0.25, 0.5))
    (with_it,) = editor.save()
    editor.page.click(*editor.at(0.25, 0.5))
    editor.page.type("Delete")

    assert len(with_it.points) == 5
    assert with_it.points[1] == pytest.approx((0.25, 0.5), abs=0.01)
    assert editor.save() == (LOW,)


def test_zones_are_renamed_excluded_and_deleted(editor: Editor) -> None:
    editor.draw((0.2, 0.1), (0.8, 0.1), (0.6, 0.4), name="tree")
    editor.page.click_on("li:nth-child(2) [data-kind=exclude]")
    editor.page.click_on("li:nth-child(1) .remove")

    (tree,) = editor.save()

    assert (tree.name, tree.kind) == ("tree", "exclude")


def test_what_is_wrong_is_shown_in_the_page_and_the_file_stays(editor: Editor) -> None:
    editor.draw((0.2, 0.1), (0.8, 0.4), (0.8, 0.1), (0.2, 0.4), name="bow")

    editor.page.with_control("s")
    until(lambda: editor.text("#error"))

    assert "zone 'bow' crosses itself: sides 1-2 and 3-4 meet" in editor.text("#error")
    assert editor.text("#status") == "Not saved"
    assert editor.page.run("return document.querySelector('li.wrong input').value") == "bow"
    assert Zones.read(editor.file).zones == (LOW,)


def test_a_name_is_text_and_never_markup(editor: Editor) -> None:
    editor.draw((0.2, 0.1), (0.8, 0.1), (0.6, 0.4), name="<img src=x>")

    assert editor.save()[1].name == "<img src=x>"
    assert editor.page.run("return document.querySelectorAll('img').length") == 0


def test_escape_leaves_a_zone_undrawn(editor: Editor) -> None:
    editor.page.click_on("#new")
    editor.page.click(*editor.at(0.5, 0.2))
    editor.page.type("Escape")

    assert editor.text("#hint") == ""
    assert editor.save() == (LOW,)


def test_the_picture_shows_the_frame_and_its_zones(editor: Editor) -> None:
    picture = cv2.imdecode(np.frombuffer(editor.page.picture(), np.uint8), cv2.IMREAD_COLOR)
    left, top = map(round, editor.at(0.1, 0.6))
    right, lower = map(round, editor.at(0.4, 0.9))
    inside, beside = picture[top:lower, left:right], picture[top:lower, right + 20 : right + 120]

    assert inside[:, :, 0].mean() > beside[:, :, 0].mean() + 10  # tinted blue
    assert beside.std() > 20  # the photo
