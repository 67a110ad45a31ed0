"""A model tried in a process of its own, because its engine may crash and take the caller with it.

OpenVINO is reported to crash (its issue 37577) in int8 with free photo sides on CPUs with AMX, on small photos, on some
machines and not on others. No check of versions can tell, so it is tried once where it may happen.

python -m runtimes.trial FOLDER, with model.xml, model.bin and trial.json, is the child; it imports nothing of ours.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

SECONDS = 120  # of patience, on a busy machine
MULTIPLES = ((1, 1, 1), (1, 2, 2), (2, 1, 2), (1, 4, 4), (1, 1, 6), (1, 6, 6), (1, 2, 2))  # n, h, w of the photos tried

_found: dict[str, str] = {}  # what was asked: how it ended


def crash_of_openvino(model: Sequence[bytes], settings: Mapping[str, object], multiple: int) -> str:
    """How a child ended that ran the model on small photos of several sizes; empty where it did not crash.

    model: the bytes of model.xml and model.bin. A child that fails without a crash is no reason to refuse: the caller
    will meet the same error, and can tell it better. One process tries one model once.
    """
    asked = json.dumps([[hashlib.sha256(data).hexdigest() for data in model], settings, multiple])
    if asked not in _found:
        _found[asked] = _tried(model, settings, multiple)
    return _found[asked]


def _tried(model: Sequence[bytes], settings: Mapping[str, object], multiple: int) -> str:
    sizes = [(n, height * multiple, width * multiple) for n, height, width in MULTIPLES]
    with tempfile.TemporaryDirectory(prefix="skt-trial-") as folder:
        for name, data in zip(("model.xml", "model.bin"), model, strict=True):
            Path(folder, name).write_bytes(data)
        Path(folder, "trial.json").write_text(json.dumps({"settings": settings, "sizes": sizes}))
        return crash_of([sys.executable, "-m", "runtimes.trial", folder])


def crash_of(command: Sequence[str], seconds: float = SECONDS) -> str:
    """Run a child to its end, and say how it died if a signal ended it, or that it did not end."""
    own = str(Path(__file__).parents[1])
    paths = os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return f"did not end within {seconds:g} seconds"
    if done.returncode >= 0:
        return ""
    return f"was ended by {signal.Signals(-done.returncode).name}"


def main(folder: Path) -> None:
    """Run the folder's model on photos of all its sizes."""
    import numpy as np
    import openvino

    trial = json.loads((folder / "trial.json").read_text())
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(folder / "model.xml"), "CPU", trial["settings"])
    request = compiled.create_infer_request()
    for n, height, width in trial["sizes"]:
        request.infer({"image": np.full((n, height, width, 3), 127, np.uint8)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
