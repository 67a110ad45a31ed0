"""What only earlier frames of a camera tell: whether its picture is frozen, its lens covered, or it was moved."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sdk.timing import Moment
from sdk.trust.picture import Grey, Look
from sdk.trust.state import DIM, PLAIN, Finding

FROZEN_SECONDS = 5.0  # of the same picture, and at least three of them; no camera's noise repeats itself
LEARNED = 5  # frames, before anything is said of how a view usually is
SLOW = 1 / 16  # of what is usual that one frame changes
LOST = 0.25  # of its usual detail is left in a block that is covered
HALF = 0.5  # of the blocks that usually show something
MOVED, BACK = 0.45, 0.7  # of the usual likeness to earlier frames: below, it was moved; above, it is where it was
CONSTANT = 0.3  # correlation of a view with itself below which it changes too much to tell whether it was moved
IN_A_ROW = 3  # frames, before a camera is said to have been moved


@dataclass
class _Usual:
    """How a camera's view usually is."""

    frames: int
    detail: NDArray[np.float32]  # of each block
    edges: Grey  # where its tiny copy has edges, 0 to 1
    likeness: float = 1.0  # correlation of a frame's edges with these


@dataclass
class Watch:
    """Remembers a camera's frames. still: it may show the same picture for long, as a test picture does."""

    still: bool = False
    _last: NDArray[np.uint8] | None = field(default=None, repr=False)
    _since: float = 0.0
    _same: int = 0
    _usual: _Usual | None = field(default=None, repr=False)
    _away: int = 0  # frames in a row that do not show the usual view
    _moved: bool = False

    def update(self, look: Look, moment: Moment) -> list[Finding]:
        """Take the next frame, and say what speaks against its count."""
        found = self._frozen(look, moment.monotonic)
        if look.bright < DIM:  # by night nothing can be told from what is seen by day
            return found
        usual, edges = self._usual, edge_map(look.tiny)
        if usual is None or usual.edges.shape != edges.shape:
            self._usual, self._away, self._moved = _Usual(1, look.detail, edges), 0, False
            return found
        covered = self._covered(look, usual)
        return [*found, *(covered or self._displaced(edges, usual, look))]

    def _frozen(self, look: Look, now: float) -> list[Finding]:
        if self._last is None or not np.array_equal(self._last, look.small):
            self._last, self._since, self._same = look.small, now, 0
        self._same += 1
        seconds = now - self._since
        if self.still or self._same < 3 or seconds < FROZEN_SECONDS:
            return []
        return [Finding("untrusted", f"frozen: the same picture for {seconds:.0f} s")]

    def _covered(self, look: Look, usual: _Usual) -> list[Finding]:
        """Whether most blocks that usually show something now show nothing."""
        telling = usual.detail >= PLAIN
        if usual.frames < LEARNED or not telling.any():
            return []
        lost = (look.detail < PLAIN) & (look.detail < LOST * usual.detail)
        share = float(lost[telling].mean())
        return [] if share < HALF else [Finding("untrusted", f"covered: {share:.0%} of the view shows nothing now")]

    def _displaced(self, edges: Grey, usual: _Usual, look: Look) -> list[Finding]:
        """Whether the view is another one; where it is not, it is learned a little further."""
        like = correlation(edges, usual.edges)
        learned = usual.frames >= LEARNED
        apart = like < (BACK if self._moved else MOVED) * usual.likeness
        self._away = self._away + 1 if apart else 0
        if not apart:
            self._moved = False
        elif learned and usual.likeness >= CONSTANT and self._away >= IN_A_ROW:
            self._moved = True
        if not (learned and apart):
            _learn(usual, edges, look, like)
        return [Finding("degraded", f"camera moved: {like:.2f} like earlier frames")] if self._moved else []


def _learn(usual: _Usual, edges: Grey, look: Look, like: float) -> None:
    usual.frames += 1
    share = max(SLOW, 1 / usual.frames)
    usual.detail = usual.detail + np.float32(share) * (look.detail - usual.detail)
    usual.edges = usual.edges + np.float32(share) * (edges - usual.edges)
    usual.likeness = like if usual.frames == 2 else usual.likeness + share * (like - usual.likeness)


def edge_map(tiny: Grey) -> Grey:
    """How strong edges are beside the picture's mean edge, 0 to 1: alike by day and at dusk."""
    if min(tiny.shape) < 3:
        return np.zeros((1, 1), np.float32)
    across, down = tiny[1:-1, 2:] - tiny[1:-1, :-2], tiny[2:, 1:-1] - tiny[:-2, 1:-1]
    strength = np.sqrt(across**2 + down**2)
    return np.asarray(strength / (strength + 2 * strength.mean() + 1), np.float32)


def correlation(one: Grey, other: Grey) -> float:
    """Pearson's, of two maps of one shape; 0 where one of them is plain."""
    first, second = one - one.mean(), other - other.mean()
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / size if size > 0 else 0.0
