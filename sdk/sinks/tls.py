"""Encrypted connections whose other end is always verified."""

from __future__ import annotations

import ssl

from sdk.errors import ConfigError


def context(ca: str = "", certificate: str = "", key: str = "") -> ssl.SSLContext:
    """Trusts the system's authorities, or only those in the file `ca`; shows `certificate` where one is given."""
    try:
        made = ssl.create_default_context(cafile=ca or None)
        if certificate:
            made.load_cert_chain(certificate, key or None)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (ca, certificate, key) if name)
        raise ConfigError(f"cannot read the certificates in {files}", hint="they are PEM files") from error
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def reason(error: OSError) -> str:
    """Why a connection failed, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error) or type(error).__name__
