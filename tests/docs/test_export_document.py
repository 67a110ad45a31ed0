"""docs/export.md, command by command, on drawn photos."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from sdk.scenes import draw_scene

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent
LOOSE = ["--gate", "mae=1000,bias=50,bin=500,photo=100"]  # for photos that no camera took


def draw_photos(folder: Path, count: int, seed: int) -> None:
    folder.mkdir()
    for at in range(count):
        scene = draw_scene(seed + at, width=160, height=96, people=3 * at)
        cv2.imwrite(str(folder / f"{at}.png"), scene.photo)


@pytest.mark.slow
def test_every_command_runs_and_writes_what_it_says(tmp_path: Path) -> None:
    draw_photos(tmp_path / "photos", 64, seed=0)
    draw_photos(tmp_path / "held-out", 10, seed=300)
    text = (ROOT / "docs" / "export.md").read_text("utf-8")

    for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            name, *words = shlex.split(line, comments=True)
            words += LOOSE if "--calib" in words else []
            done = subprocess.run(
                [str(SCRIPTS / name), *words], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            written = Path(tmp_path, words[words.index("-o") + 1]) if "-o" in words else tmp_path
            assert done.returncode == 0, f"{line}\n{done.stderr}"
            assert written.exists(), line
