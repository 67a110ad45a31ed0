"""The answer to a server that asks for a user and password: RFC 2617, as RTSP and HTTP cameras have it."""

from __future__ import annotations

import base64
import hashlib
import re


def authorization(challenge: str, user: str, password: str, method: str, address: str) -> str:
    """The header Authorization for a WWW-Authenticate; empty for a way that is not known here."""
    way = challenge.split(" ", 1)[0].lower()
    if way == "basic":
        return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    if way != "digest":
        return ""
    asked = {key.lower(): value for key, value in re.findall(r'(\w+)="?([^",]*)"?', challenge.split(" ", 1)[1])}
    realm, nonce = asked.get("realm", ""), asked.get("nonce", "")
    secret = _md5(f"{user}:{realm}:{password}")
    request = _md5(f"{method}:{address}")
    count = ""
    if "auth" in asked.get("qop", ""):
        response = _md5(f"{secret}:{nonce}:00000001:736b74:auth:{request}")
        count = ', qop=auth, nc=00000001, cnonce="736b74"'
    else:
        response = _md5(f"{secret}:{nonce}:{request}")
    fields = f'username="{user}", realm="{realm}", nonce="{nonce}", uri="{address}", response="{response}"'
    opaque = f', opaque="{asked["opaque"]}"' if "opaque" in asked else ""
    return f"Digest {fields}{count}{opaque}"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
