"""The labelled sets by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from sdk.datasets.plain import own_points
from sdk.datasets.published import beijing_brt, jhu_crowd, nwpu_crowd, shanghaitech, ucf_cc_50, ucf_qnrf
from sdk.datasets.sample import Sample
from sdk.errors import InputError

READERS: dict[str, Callable[[Path, str, str], Iterator[Sample]]] = {
    "beijing-brt": beijing_brt,
    "jhu-crowd++": jhu_crowd,
    "nwpu": nwpu_crowd,
    "points": own_points,
    "shanghaitech": shanghaitech,
    "ucf-cc-50": ucf_cc_50,
    "ucf-qnrf": ucf_qnrf,
}


def read_dataset(name: str, root: Path, part: str = "", split: str = "test") -> list[Sample]:
    """Every photo of a labelled set in natural order of their names; all labels are read and checked first."""
    if name not in READERS:
        raise InputError(f"unknown data set {name!r}", hint=f"known: {', '.join(sorted(READERS))}")
    return list(READERS[name](Path(root), part, split))
