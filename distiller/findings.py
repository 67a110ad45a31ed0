"""What a command of several parts has found out so far: the same command, interrupted, goes on from there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from distiller.folder import RunFolder
from sdk.errors import ConfigError


class Findings:
    """Plain values by name in the file NAME.json of a run's folder, which is written whole after each of them."""

    def __init__(self, folder: RunFolder, name: str, about: Mapping[str, str]) -> None:
        """Refuses a file of findings about something else, such as other weights than the digest in `about` says."""
        self.folder = folder
        self.file = f"{name}.json"
        self.about = dict(about)
        self.found: dict[str, Any] = {}
        if (folder.path / self.file).exists():
            kept = self._read()
            for key, value in self.about.items():
                if kept["about"].get(key) != value:
                    hint = "choose another --out"
                    raise ConfigError(f"folder {folder.path} holds a run of another {key}", hint=hint)
            self.found = kept["found"]

    def once(self, name: str, find: Callable[[], Any]) -> Any:
        """The value of that name: as it was found before, or found and kept now; as JSON gives it back."""
        if name not in self.found:
            self.found[name] = json.loads(json.dumps(find()))
            self.folder.put(self.file, {"about": self.about, "found": self.found})
        return self.found[name]

    def _read(self) -> dict[str, dict[str, Any]]:
        file = self.folder.path / self.file
        try:
            kept = json.loads(file.read_text("utf-8"))
            return {"about": dict(kept["about"]), "found": dict(kept["found"])}
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{file} is damaged: no findings in it", hint="choose another --out") from error
