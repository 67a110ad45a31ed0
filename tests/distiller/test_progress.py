"""What a person sees of a run."""

from __future__ import annotations

import io

from distiller.progress import CLEAR, ProgressLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_steps_are_lines_no_more_than_one_a_minute() -> None:
    stream = io.StringIO()
    progress = ProgressLine(stream, 0, 50)
    for step in range(1, 51):
        progress.step(step, 10.0 + step % 2, 1e-3)

    (line,) = stream.getvalue().splitlines()
    assert line.startswith("step 50/50, loss 10.5, lr 0.001, ")
    assert line.endswith(" steps/s, 0:00:00 left")


def test_on_a_terminal_the_last_line_is_a_bar_that_notes_do_not_break() -> None:
    stream = Terminal()
    progress = ProgressLine(stream, 10, 20)
    progress.note("saved")
    progress.step(20, 1.0, 1e-3)

    note, bar = stream.getvalue().split("\n")
    assert note == f"{CLEAR}saved"
    assert bar.startswith(f"{CLEAR}━━━━━━━━━━━━━━━━━━━━━━━━ step 20/20")
