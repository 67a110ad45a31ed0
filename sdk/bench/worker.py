"""The process of one contender: python -m sdk.bench.worker, JSON lines in on stdin and out on stdout.

First comes {"opener": "module:function", "options": {...}}, answered after the first run; then {"do": "round",
"seconds": s} as often as wanted, {"do": "score", "options": {...}} for what counts, and the end of stdin.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any, TextIO

from sdk.bench.timed import Subject, all_processor_seconds, peak_megabytes
from sdk.errors import SktError


def main() -> None:
    """Answer until stdin ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # engines may print, and only answers are to be on stdout
    try:
        _serve(out)
    except SktError as error:
        _say(out, {"error": error.to_json()})
    except Exception as error:  # noqa: BLE001 - whatever ends a contender is told in its row
        _say(out, {"error": {"message": f"{type(error).__name__}: {error}"}})


def _serve(out: TextIO) -> None:
    order = json.loads(sys.stdin.readline())
    module, name = order["opener"].split(":")
    subject: Subject = getattr(importlib.import_module(module), name)(order["options"])
    people = subject.first()
    _say(out, {"people": people, "facts": subject.facts(), "peak_mb": peak_megabytes()})
    for line in sys.stdin:
        _say(out, _done(subject, json.loads(line)))
    subject.close()


def _done(subject: Any, order: dict[str, Any]) -> dict[str, Any]:
    before = all_processor_seconds()
    done = subject.round(order["seconds"]) if order["do"] == "round" else subject.score(order["options"])
    return {**done, "processor_s": all_processor_seconds() - before}


def _say(out: TextIO, answer: dict[str, Any]) -> None:
    out.write(json.dumps(answer) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
