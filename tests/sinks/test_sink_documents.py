"""What the page on sinks and the sample say is run as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from sdk.sinks.reading import Reading
from sdk.sinks.spec import KINDS
from tests.sinks.servers import free_port, wait_for

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sinks.md").read_text("utf-8")


@pytest.mark.parametrize("code", re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
def test_every_python_block_runs(code: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=False
    )

    assert done.returncode == 0, done.stderr


def test_the_page_names_every_kind_and_every_field() -> None:
    for kind in KINDS:
        assert (f"{kind}://" in PAGE) or (kind in PAGE)
    for field in Reading.__dataclass_fields__:
        assert f"`{field}`" in PAGE or field == "result"


def test_the_dashboard_sample_serves_counts() -> None:
    pytest.importorskip("prometheus_client", reason="not run: prometheus_client is not installed")
    port = free_port()
    words = ["samples/prometheus.py", "samples/photos", "--every", "60", "--sink", f"prometheus://127.0.0.1:{port}"]
    with subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert " people" in process.stdout.readline()
            page = wait_for(lambda: scraped(port))
        finally:
            process.terminate()

    assert 'crowd_count{camera="photos",zone=""}' in page


def scraped(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text: str = answer.read().decode()
    return text if "crowd_count{" in text else ""
