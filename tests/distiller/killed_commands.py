"""Give a `skt-distill` command again and again, killed before its 1st, 5th, 9th ... rename, until it ends by itself.

Run as `python killed_commands.py COMMAND ...`; prints how many times it was killed. A rename is what makes a file count:
a config, a finding, a checkpoint.
"""

from __future__ import annotations

import os
import signal
import sys

import torch

from distiller.commands import main

APART, MOST = 4, 20


def die_before_rename(number: int) -> None:
    """Have this process killed, as kill -9 does, before its `number`-th rename from now."""
    left = number

    def count(event: str, _: object) -> None:
        nonlocal left
        if event == "os.rename":
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def is_killed(number: int, arguments: list[str]) -> bool:
    child = os.fork()
    if child == 0:
        die_before_rename(number)
        main(arguments, standalone_mode=False)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0, "the command failed"
    return os.WIFSIGNALED(status)


if __name__ == "__main__":
    torch.set_num_threads(1)
    kills = 0
    while is_killed(1 + APART * kills, sys.argv[1:]):
        kills += 1
        assert kills < MOST, "no progress between kills"
    sys.stdout.write(f"{kills}\n")
