"""What can go wrong between a reading and its receiver.

ConfigError                    exit code 2
+-- SinkError                  a sink that cannot be opened or written to
    +-- SinkUnreachable        nobody answers at that address, or no longer
    +-- SinkRefused            somebody answers and refuses: credentials, a certificate, a permission
    +-- SinkRejected           a receiver that takes readings, but not this one
"""

from __future__ import annotations

from sdk.errors import ConfigError


class SinkError(ConfigError):
    """A sink that cannot be opened or written to."""

    code = "SKT-E120"


class SinkUnreachable(SinkError):
    """Nobody answers at the receiver's address."""

    code = "SKT-E121"


class SinkRefused(SinkError):
    """The receiver answers and refuses: credentials, a certificate, a permission."""

    code = "SKT-E122"


class SinkRejected(SinkError):
    """The receiver takes readings, but not this one; sending it again would not help."""

    code = "SKT-E123"
