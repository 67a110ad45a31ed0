"""Where frames come from, as a user writes it: a path, a device or a URI; credentials are taken out at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from sdk.errors import ConfigError
from sdk.frame import check_pixels
from sdk.sinks.secret import masked, reveal
from sdk.sinks.target import nearest
from sdk.streams.errors import StreamError

NETWORK = ("http", "https", "rtmp", "rtmps", "rtsp", "rtsps", "srt", "udp")
SCHEMES = (*NETWORK, "csi", "file", "raw")
VIDEO_SUFFIXES = frozenset(
    {".avi", ".flv", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"}
)
LAYOUTS = {"bgr24": (3, 1), "gray8": (1, 1), "i420": (1, 1.5), "nv12": (1, 1.5), "rgb24": (3, 1)}
# of raw frames: bytes of a pixel in a row, and rows beside the picture's
DEVICE = re.compile(r"/dev/video\d+")
SIZE = re.compile(r"(\d+)x(\d+)")


@dataclass(frozen=True)
class Source:
    """A source of frames, taken apart."""

    kind: str  # file, folder, usb, csi, network or raw
    shown: str  # what logs, results and errors call it
    place: str = field(repr=False)  # path, device, number of a sensor, or URL without user and password
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict)  # of csi:// and raw://

    @property
    def recorded(self) -> bool:
        """Whether its frames were taken before and end: a video or a folder, here or behind http."""
        path = urlsplit(self.place).path if self.kind == "network" else ""
        web_video = self.place.startswith("http") and Path(path).suffix.lower() in VIDEO_SUFFIXES
        return self.kind in ("file", "folder") or web_video

    @property
    def live(self) -> bool:
        """Whether it is a camera, to which one connects again when it went away."""
        return not self.recorded and self.kind != "raw"

    @property
    def url(self) -> str:
        """The address with user and password, for the reader alone."""
        scheme, rest = self.place.split("://", 1)
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        return f"{scheme}://{login}{rest}"

    def size(self) -> tuple[int, int]:
        """Width and height that raw:// and csi:// state."""
        width, _, height = self.options["size"].partition("x")
        return int(width), int(height)


def is_stream(text: str) -> bool:
    """Whether a word on the command line means a stream rather than a photo; folders may be either."""
    scheme, found, _ = text.partition("://")
    if found:
        return scheme.isalnum()
    return text == "-" or bool(DEVICE.fullmatch(text)) or Path(text).suffix.lower() in VIDEO_SUFFIXES


def read_source(text: str | os.PathLike[str], *, user: str = "", password: str = "") -> Source:
    """What a path, a device or a URI stands for; refused where it can be known that nothing will come of it.

    The password may be env:NAME or file:PATH, in a URI too. Raises ConfigError for what cannot be understood,
    StreamError for a file that is not there.
    """
    source = _read(os.fspath(text), user, password)
    if (user or password) and source.kind != "network":
        raise ConfigError(f"source {source.shown} takes no user and password", hint="leave them out")
    return source


def _read(text: str, user: str, password: str) -> Source:
    if text == "-":
        raise ConfigError("frames on stdin need a size", hint="as in raw://1920x1080, with ?format=nv12 where not BGR")
    if not text:
        raise ConfigError("the name of a source is empty", hint="is a variable of your script not set?")
    if "://" in text:
        return _from_uri(text, user, password)
    if DEVICE.fullmatch(text):
        return Source("usb", text, text)
    return _from_path(text)


def _from_path(text: str) -> Source:
    path = Path(text).expanduser()
    try:
        there = path.exists()
    except OSError as error:
        raise StreamError(f"cannot read {path}: {error.strerror}", hint="check its permissions") from error
    if not there:
        raise StreamError(f"no such video: {path}", hint="check the path")
    return Source("folder" if path.is_dir() else "file", text, str(path))


def _from_uri(text: str, user: str, password: str) -> Source:
    parts = _split(text)
    if parts.scheme not in SCHEMES:
        raise ConfigError(f"source {parts.scheme}:// is of no known kind", hint=nearest(parts.scheme, SCHEMES))
    if parts.scheme == "file":
        return _from_path(unquote(parts.path))
    if parts.scheme in ("raw", "csi"):
        return _with_options(parts)
    if not parts.hostname:
        raise ConfigError(f"source {_shown(parts)} names no host", hint="as in rtsp://camera.local/stream")
    login = unquote(parts.username or "") or user, reveal(unquote(parts.password or "") or password)
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return Source("network", _shown(parts), place, *login)


def _with_options(parts: SplitResult) -> Source:
    """raw://WIDTHxHEIGHT?format=bgr24 and csi://NUMBER?size=1920x1080&fps=30."""
    known = {"raw": {"format": "bgr24"}, "csi": {"size": "1920x1080", "fps": "30"}}[parts.scheme]
    shown = f"{parts.scheme}://{parts.netloc}"
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    for key in given:
        if key not in known:
            raise ConfigError(f"source {shown} has no setting {key!r}", hint=nearest(key, known))
    options = {**known, **given}
    if parts.scheme == "raw":
        options["size"] = parts.netloc
    elif not parts.netloc.isdecimal() or not options["fps"].isdecimal():
        raise ConfigError(f"source {shown} names no sensor", hint="the first is csi://0, with ?size=1920x1080&fps=30")
    _check_size(shown, options["size"])
    if parts.scheme == "raw":
        _check_layout(shown, options["format"], options["size"])
    return Source(parts.scheme, shown, parts.netloc, options=options)


def _check_size(shown: str, size: str) -> None:
    found = SIZE.fullmatch(size)
    if found is None or "0" in found.groups():
        raise ConfigError(f"source {shown} has size {size!r}, expected WIDTHxHEIGHT", hint="as in raw://1920x1080")


def _check_layout(shown: str, layout: str, size: str) -> None:
    if layout not in LAYOUTS:
        raise ConfigError(f"source {shown} has format {layout!r}", hint=nearest(layout, LAYOUTS))
    width, height = map(int, size.split("x"))
    check_pixels(height, width, f"a frame of {shown}")
    if LAYOUTS[layout][1] != 1 and (width % 2 or height % 2):
        raise ConfigError(f"source {shown} has an odd side, which {layout} has not", hint="use bgr24")


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:  # its message can quote the password
        shown = masked(text).partition("?")[0]
        raise ConfigError(f"source {shown} is no address", hint="scheme://host:port/path, @ as %40") from None
    return parts


def _shown(parts: SplitResult) -> str:
    """An address as it may be shown: without user, password and query, which can hold them too."""
    return masked(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")
