"""A real browser, driven by the W3C WebDriver protocol over plain HTTP."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for a reference to an element
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
         "--window-size=1280,800")  # fmt: skip
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Delete": "\ue017", "Control": "\ue009"}
PATIENCE = 20.0  # seconds until something shows


def browser() -> str | None:
    """The browser's program; None where it or its driver is not installed."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return found if shutil.which("chromedriver") else None


class Page:
    """One window of a headless browser; close it."""

    def __init__(self, profile: Path) -> None:
        self._port = free_port()
        environment = {**os.environ, "HOME": str(profile)}
        self._driver = subprocess.Popen(
            ["chromedriver", f"--port={self._port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._session = ""
        try:
            self._session = self._begin(profile)
        except BaseException:
            self.close()
            raise

    def _begin(self, profile: Path) -> str:
        options = {"binary": browser(), "args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "unhandledPromptBehavior": "accept"}
        until(lambda: self._ask("GET", "/status")["ready"])
        made: dict[str, Any] = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        return f"/session/{made['sessionId']}"

    def open(self, url: str) -> None:
        self._ask("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:
        """What a script in the page returns."""
        return self._ask("POST", f"{self._session}/execute/sync", {"script": script, "args": list(arguments)})

    def mouse(self, *steps: tuple[str, float, float]) -> None:
        """Steps of move, down and up, each at a place of the window in pixels."""
        actions: list[dict[str, Any]] = []
        for kind, x, y in steps:
            actions.append({"type": "pointerMove", "duration": 20, "x": round(x), "y": round(y)})
            if kind != "move":
                actions.append({"type": f"pointer{kind.title()}", "button": 0})
        self._act({"type": "pointer", "id": "mouse", "actions": actions})

    def click(self, x: float, y: float) -> None:
        self.mouse(("down", x, y), ("up", x, y))

    def click_on(self, selector: str) -> None:
        self._ask("POST", f"{self._session}/element/{self._element(selector)}/click", {})

    def type(self, text: str) -> None:
        """Press keys one after the other; a name in KEYS is one key."""
        keys = [KEYS[text]] if text in KEYS else list(text)
        self._keys([(kind, key) for key in keys for kind in ("keyDown", "keyUp")])

    def with_control(self, key: str) -> None:
        control = KEYS["Control"]
        self._keys([("keyDown", control), ("keyDown", key), ("keyUp", key), ("keyUp", control)])

    def picture(self) -> bytes:
        """A PNG of the window."""
        return base64.b64decode(self._ask("GET", f"{self._session}/screenshot"))

    def close(self) -> None:
        if self._session:
            self._ask("DELETE", self._session)
        self._driver.terminate()
        self._driver.wait(timeout=PATIENCE)

    def _element(self, selector: str) -> str:
        found = self._ask("POST", f"{self._session}/element", {"using": "css selector", "value": selector})
        return str(found[ELEMENT])

    def _keys(self, presses: list[tuple[str, str]]) -> None:
        self._act({"type": "key", "id": "keys", "actions": [{"type": kind, "value": key} for kind, key in presses]})

    def _act(self, source: dict[str, Any]) -> None:
        self._ask("POST", f"{self._session}/actions", {"actions": [source]})

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {json.load(error)['value']['message']}") from error


def until(condition: Any) -> None:
    """Wait until it holds; whatever cannot be reached yet does not."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
