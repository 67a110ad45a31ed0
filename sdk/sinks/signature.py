"""How a webhook's receiver knows that a reading comes from this device, and now."""

from __future__ import annotations

import hashlib
import hmac
import time

TIMESTAMP, SIGNATURE, ID = "X-SKT-Timestamp", "X-SKT-Signature", "X-SKT-Id"  # names of headers
TOLERANCE_S = 300


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """sha256=HEX of an HMAC over the timestamp (Unix seconds), a full stop and the body."""
    return f"sha256={hmac.new(secret.encode(), b'%d.%s' % (timestamp, body), hashlib.sha256).hexdigest()}"


def verify(secret: str, timestamp: str, body: bytes, signature: str, tolerance_s: float = TOLERANCE_S) -> bool:
    """Whether the signature is right and the timestamp, as in the header, is not older or newer than the tolerance."""
    try:
        signed_at = int(timestamp)
        expected = sign(secret, signed_at, body)
    except ValueError:
        return False
    right = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
    return right and abs(time.time() - signed_at) <= tolerance_s
