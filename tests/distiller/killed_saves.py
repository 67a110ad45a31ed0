"""Save a checkpoint over another and be killed before the n-th file operation, for every n; print what is left.

Run as `python killed_saves.py FOLDER`. Each line is the outcome of one kill: the step that the facts state and the
value that the tensors hold.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch

from distiller.checkpoint import Checkpoint, load, save

FILE_OPERATIONS = ("open", "os.")
MOST = 200


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint({"model.weight": torch.full((1000,), float(step))}, {"step": step})


def die_before(number: int) -> None:
    """Have this process killed, as kill -9 does, before its `number`-th file operation from now."""
    seen = 0

    def count(event: str, _: object) -> None:
        nonlocal seen
        if event.startswith(FILE_OPERATIONS) and event != "os.kill":
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def save_and_die(path: Path, number: int) -> bool:
    """Whether the saving process was killed before it was done."""
    child = os.fork()
    if child == 0:
        die_before(number)
        save(path, checkpoint(2))
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(folder: Path) -> None:
    for number in range(1, MOST):
        path = folder / str(number)
        save(path, checkpoint(1))
        killed = save_and_die(path, number)
        left = load(path)
        sys.stdout.write(f"{left.facts['step']} {left.tensors['model.weight'].unique().item():.0f}\n")
        save(path, checkpoint(3))
        assert load(path).facts["step"] == 3
        assert len(list(path.iterdir())) == 2, "parts of the interrupted save are left"
        if not killed:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
