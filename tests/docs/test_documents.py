"""What the documents say is run as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from distiller.config import recipe_names
from distiller.networks import ARCHITECTURES

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    "docs/quickstart.md",
    "docs/samples.md",
    "docs/streams.md",
    "docs/tensorrt.md",
    "docs/trust.md",
    "docs/zones.md",
)
SCRIPTS = Path(sys.executable).parent


def blocks(language: str) -> list[object]:
    """Every code block of that language, named after its document and place in it."""
    found = []
    for document in DOCUMENTS:
        text = (ROOT / document).read_text("utf-8")
        for number, code in enumerate(re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)):
            found.append(pytest.param(code, id=f"{document}-{language}-{number}"))
    return found


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder to write in that shows the samples as a checkout does."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    return tmp_path


@pytest.mark.parametrize("code", blocks("python"))
def test_every_python_block_runs(code: str, checkout: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "people" in done.stdout


@pytest.mark.parametrize("code", blocks("sh"))
def test_every_command_of_ours_runs(code: str, checkout: Path) -> None:
    for line in re.findall(r"(?:^|&& )(skt-[^\n&]*)", code, re.MULTILINE):
        name, *words = shlex.split(line, comments=True)
        command = [str(SCRIPTS / name), *words]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)

        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("name", [*recipe_names(), *ARCHITECTURES])
def test_the_page_on_distilling_lists_every_recipe_and_network(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "distilling.md").read_text("utf-8")


def test_the_tables_say_what_the_results_say() -> None:
    command = [sys.executable, "benchmarks/tables.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "document", [path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")] + ["README.md"]
)
def test_every_link_to_a_file_leads_somewhere(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]

    assert [link for link in links if not ((ROOT / document).parent / link).exists()] == []
