"""Commands run as a user runs them: another process, with pipes or a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def command(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"sdk.commands.{name}", *map(str, arguments)]


def run(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; stdout and stderr apart, as text."""
    return shell(command(name, *arguments), **environment)


def shell(line: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(line, capture_output=True, text=True, env=variables, check=False, timeout=300)


def on_terminal(name: str, *arguments: object, **environment: str) -> str:
    """All that a command writes to a terminal of 60 columns, stdout and stderr together."""
    here, there = pty.openpty()
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "60", "TERM": "xterm", **environment}
    done = subprocess.Popen(command(name, *arguments), stdin=there, stdout=there, stderr=there, env=variables)
    os.close(there)
    written = b""
    try:
        while chunk := os.read(here, 65_536):
            written += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(here)
    done.wait(timeout=300)
    return written.decode()


def screen(written: str) -> list[str]:
    """The lines that a terminal shows in the end."""
    lines = [""]
    for piece in written.replace("\r\n", "\n").splitlines(keepends=True):
        for part in piece.rstrip("\n").split("\r"):
            lines[-1] = part.split("\x1b[2K")[-1] if "\x1b[2K" in part else part
        if piece.endswith("\n"):
            lines.append("")
    return lines


def hear_ctrl_c() -> None:
    """For a child process: what runs in the background of a shell inherits that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
