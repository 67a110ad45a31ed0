"""Scores of `skt-eval --json`, as the manifest and the model card keep them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sdk.errors import ConfigError

ABOUT = ("dataset", "package", "backend")
SCORES = ("photos", "people", "mae", "rmse", "nae", "game", "bias", "bias_percent", "bins")
NEEDED = ("dataset", "photos", "mae", "rmse")
PHOTO = ("name", "true", "counted")
WORST = 3  # photos of a set that the card names


def read_evaluation(path: Path) -> dict[str, Any]:
    """The scores in a file: one JSON object, or the last line of many; only what a card tells is kept."""
    record = _record(path)
    scores = record.get("scores")
    flat = {**record, **scores} if isinstance(scores, dict) else record  # its "photos" is a list, theirs a number
    kept = {key: flat[key] for key in (*ABOUT, *SCORES) if flat.get(key) is not None}
    missing = [key for key in NEEDED if key not in kept]
    if missing:
        raise ConfigError(f"evaluation {path} has no {', '.join(missing)}", hint="give the output of skt-eval --json")
    return kept | {"worst": worst_photos(record.get("photos"), path)} if isinstance(scores, dict) else kept


def worst_photos(photos: Any, path: Path) -> list[dict[str, Any]]:
    """Name, people and count of the photos with the greatest errors, the greatest first."""
    try:
        by_error = sorted(photos, key=lambda photo: -abs(photo["counted"] - photo["true"]))
        return [{key: photo[key] for key in PHOTO} for photo in by_error[:WORST]]
    except (KeyError, TypeError) as error:
        hint = "give the output of skt-eval --json"
        raise ConfigError(f"evaluation {path} has a photo without {', '.join(PHOTO)}", hint=hint) from error


def check_of_model(evaluation: dict[str, Any], version: str) -> None:
    """Refuse scores of other weights: skt-eval names the package that it scored, NAME VERSION."""
    scored = str(evaluation.get("package", ""))
    if scored and scored.rsplit(maxsplit=1)[-1] != version:
        message = f"the evaluation on {evaluation['dataset']} is of {scored}, this model's version is {version}"
        raise ConfigError(message, hint="score a package of these weights with skt-eval --json")


def _record(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        lines = text.strip().splitlines()
        record = json.loads(text if text.lstrip()[:2] in ("{\n", "{\r") else lines[-1])
    except OSError as error:
        raise ConfigError(f"cannot read evaluation {path}: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        hint = "give the output of skt-eval --json"
        raise ConfigError(f"evaluation {path} is not JSON: {error}", hint=hint) from error
    if not isinstance(record, dict):
        raise ConfigError(f"evaluation {path} holds {type(record).__name__}, expected an object of scores")
    return record
