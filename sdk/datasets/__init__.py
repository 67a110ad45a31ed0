"""Labelled sets as they are published, and anybody's own: photos and head points."""

from sdk.datasets.read import READERS, read_dataset
from sdk.datasets.sample import Sample

__all__ = ["READERS", "Sample", "read_dataset"]
