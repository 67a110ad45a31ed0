"""Cameras, videos, folders and pipes as streams of counts.

with CrowdCounter() as counter, counter.stream("rtsp://camera.local/stream", every=1.0) as stream:
    for seen in stream:
        print(seen.state, seen.result.count if seen.result else seen.error)
"""

from sdk.streams.errors import (
    StreamCut,
    StreamError,
    StreamFrozen,
    StreamLost,
    StreamRefused,
    StreamResized,
    StreamUnreachable,
    StreamUnreadable,
)
from sdk.streams.limits import Sampling, StreamLimits
from sdk.streams.pump import Feed
from sdk.streams.source import Source, is_stream, read_source
from sdk.streams.stable import Stable
from sdk.streams.stream import Stream, StreamResult, Streams

__all__ = [
    "Feed",
    "Sampling",
    "Source",
    "Stable",
    "Stream",
    "StreamCut",
    "StreamError",
    "StreamFrozen",
    "StreamLimits",
    "StreamLost",
    "StreamRefused",
    "StreamResized",
    "StreamResult",
    "StreamUnreachable",
    "StreamUnreadable",
    "Streams",
    "is_stream",
    "read_source",
]
