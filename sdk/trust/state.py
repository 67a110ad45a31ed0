"""ok, degraded or untrusted: what speaks against a count, and how much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdk.trust.likeness import Likeness
    from sdk.trust.picture import Look

STATES = ("ok", "degraded", "untrusted")  # better ones first
REASONS = ("blurred", "camera moved", "covered", "frozen", "too dark", "unlike the training data")  # how they begin
DIM, DARK = 50.0, 30.0  # brightness that a tenth of the frame reaches: a quarter of the people is lost, half of them
SOFT, BLURRED = 5.2, 6.3  # pixels that the sharpest edges are wide: the same
PLAIN = 6.0  # brightness, standard deviation within a block below which it shows nothing
FAR_OFF = 1.5  # limits of the likeness, from which a count is not to be trusted
EMPTY = 0.04  # of a frame's blocks show something, at most, where a lens is covered


@dataclass(frozen=True)
class Finding:
    """One thing that speaks against a count."""

    state: str  # degraded or untrusted
    reason: str  # what it is called, and after a colon the figures


@dataclass(frozen=True)
class State:
    """What is to be thought of a count."""

    name: str = STATES[0]
    reasons: tuple[str, ...] = ()

    def with_findings(self, findings: Iterable[Finding]) -> State:
        """The same, or a worse one where something worse was found; what is told already is not told again."""
        told = {_name(reason) for reason in self.reasons}
        found = [finding for finding in findings if _name(finding.reason) not in told]
        name = max((self.name, *(finding.state for finding in found)), key=STATES.index)
        return State(name, (*self.reasons, *(finding.reason for finding in found)))


def _name(reason: str) -> str:
    return reason.partition(":")[0]


def state_of(look: Look, likeness: Likeness | None) -> State:
    """The state that a single frame tells. A picture that is bad in itself is not held against the training data."""
    bad = picture_findings(look)
    return State().with_findings(bad or ([] if likeness is None else likeness_findings(look, likeness)))


def picture_findings(look: Look) -> list[Finding]:
    """Whether it is too dark, covered or blurred; a cap over a lens is told as dark."""
    seen = float((look.detail >= PLAIN).mean())
    if seen <= EMPTY and look.bright >= DARK:
        return [Finding("untrusted", f"covered: {100 - 100 * seen:.0f} % of the frame shows nothing")]
    found = []
    if look.bright < DIM:
        state = "untrusted" if look.bright < DARK else "degraded"
        found.append(Finding(state, f"too dark: nine tenths are below {look.bright:.0f} of 255"))
    if look.edge > SOFT and look.bright >= DARK:
        state = "untrusted" if look.edge > BLURRED else "degraded"
        found.append(Finding(state, f"blurred: the sharpest edges are {look.edge:.1f} pixels wide"))
    return found


def likeness_findings(look: Look, likeness: Likeness) -> list[Finding]:
    """Whether the scene is unlike the photos that the model was calibrated on."""
    far = likeness.distance(look) / likeness.limit
    if far <= 1:
        return []
    state = "untrusted" if far > FAR_OFF else "degraded"
    return [Finding(state, f"unlike the training data: {far:.1f} times as far from it as its own photos are")]
