"""What can go wrong between a camera and a frame.

InputError                     exit code 3
+-- StreamError                a source that gives no frame, or no longer
    +-- StreamUnreachable      nobody answers there, or not in time
    +-- StreamRefused          somebody answers and refuses: user and password, or a permission
    +-- StreamUnreadable       it answers, and what it sends is no video that can be decoded here
    +-- StreamCut              a recording or a pipe that ends too early
    +-- StreamLost             a camera that stopped sending
    +-- StreamFrozen           a camera that sends the same picture again and again
    +-- StreamResized          a camera whose frames have another size than they had
"""

from __future__ import annotations

from sdk.errors import InputError


class StreamError(InputError):
    """A source that gives no frame, or no longer."""

    code = "SKT-E220"


class StreamUnreachable(StreamError):
    """Nobody answers at the source's address, or not in time."""

    code = "SKT-E221"


class StreamRefused(StreamError):
    """The source answers and refuses: user and password, or a permission."""

    code = "SKT-E222"


class StreamUnreadable(StreamError):
    """What the source sends is no video that can be decoded here."""

    code = "SKT-E223"


class StreamCut(StreamError):
    """A recording or a pipe that ends too early."""

    code = "SKT-E224"


class StreamLost(StreamError):
    """A camera that stopped sending."""

    code = "SKT-E225"


class StreamFrozen(StreamError):
    """A camera that sends the same picture again and again."""

    code = "SKT-E226"


class StreamResized(StreamError):
    """A camera whose frames have another size than they had."""

    code = "SKT-E227"
