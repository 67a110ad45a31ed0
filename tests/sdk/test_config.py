"""Strict YAML into frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sdk.config import parse, read_yaml, to_plain, with_overrides
from sdk.errors import ConfigError


@dataclass(frozen=True)
class Optimiser:
    rate: float = 0.1
    steps: int = 10


@dataclass(frozen=True)
class Recipe:
    name: str
    folder: Path = Path("runs")
    flip: bool = True
    limit: int | None = None
    sets: tuple[str, ...] = ()
    shares: dict[str, float] = field(default_factory=dict)
    optimiser: Optimiser = Optimiser()
    free: Any = None


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "config.yaml").write_text(text)
    return tmp_path / "config.yaml"


def test_a_config_is_read_with_its_types(tmp_path: Path) -> None:
    text = "name: a\nfolder: x/y\nlimit: 3\nsets: [b, c]\nshares: {b: 1}\noptimiser: {rate: 1e-3}\nfree: [1, {a: 2}]\n"

    recipe = parse(Recipe, read_yaml(written(tmp_path, text)))

    assert recipe == Recipe("a", Path("x/y"), True, 3, ("b", "c"), {"b": 1.0}, Optimiser(0.001), [1, {"a": 2}])
    assert parse(Recipe, to_plain(recipe)) == recipe


@pytest.mark.parametrize(("text", "number"), [("1e-3", 1e-3), ("-2E+4", -2e4), ("1.e3", 1e3), ("2.5", 2.5), ("3", 3.0)])
def test_numbers_are_read_as_people_write_them(text: str, number: float) -> None:
    settings = with_overrides({"name": "a"}, [f"optimiser.rate={text}"])

    assert parse(Recipe, settings).optimiser.rate == number


def test_settings_change_a_copy() -> None:
    data = {"name": "a", "optimiser": {"rate": 1.0}}

    changed = with_overrides(data, ["optimiser.steps=5", "name=b", "shares.c=2"])

    assert changed == {"name": "b", "optimiser": {"rate": 1.0, "steps": 5}, "shares": {"c": 2}}
    assert data == {"name": "a", "optimiser": {"rate": 1.0}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"nam": "a"}, r"unknown setting nam .did you mean name\?"),
        ({"zzz": 1}, "unknown setting zzz .known: name, folder"),
        ({}, "setting name is missing"),
        ({"name": "a", "optimiser": {"rat": 1}}, r"unknown setting optimiser\.rat .did you mean optimiser\.rate\?"),
        ({"name": 3}, "setting name is 3, expected str"),
        ({"name": "a", "flip": 1}, "setting flip is 1, expected bool"),
        ({"name": "a", "limit": True}, "setting limit is True, expected int"),
        ({"name": "a", "optimiser": {"rate": True}}, r"setting optimiser\.rate is True, expected float"),
        ({"name": "a", "optimiser": {"steps": 1.5}}, r"setting optimiser\.steps is 1\.5, expected int"),
        ({"name": "a", "optimiser": 3}, "setting optimiser is 3, expected Optimiser"),
        ({"name": "a", "sets": "bc"}, r"setting sets is 'bc', expected tuple\[str, \.\.\.\]"),
        ({"name": "a", "sets": ["b", 1]}, r"setting sets\[1\] is 1, expected str"),
        ({"name": "a", "shares": {"b": "x"}}, r"setting shares\.b is 'x', expected float"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(Recipe, data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "cannot be read as YAML: .*line 1"),
        ("a: 1\nb: 2\na: 3\n", "cannot be read as YAML: key 'a' is given twice .*line 3"),
        ("a: {b: 1, b: 2}", "cannot be read as YAML: key 'b' is given twice"),
        ("day: 2026-13-01", "cannot be read as YAML: month must be in"),
        ("a: !!python/object:os.system {}", "cannot be read as YAML: could not determine a constructor"),
        ("- a", "holds a list, expected settings"),
        ("", "holds nothing, expected settings"),
        ("\xff\xfe".encode("latin-1"), "cannot be read as YAML: .*utf-8"),
    ],
)
def test_a_file_that_is_no_config_is_refused_with_its_name(tmp_path: Path, text: str | bytes, message: str) -> None:
    (tmp_path / "config.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(ConfigError, match=rf"config .*config\.yaml {message}"):
        read_yaml(tmp_path / "config.yaml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read config .*none\.yaml: No such file"):
        read_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("rate", "setting 'rate' is not KEY=VALUE"),
        ("=3", "is not KEY=VALUE"),
        ("name.x=3", "'name' is a value, not a group"),
        ("name=[", "the value is not YAML"),
        ("name={a: 1, a: 2}", "the value is not YAML"),
    ],
)
def test_a_setting_that_cannot_be_set_is_refused(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        with_overrides({"name": "a"}, [setting])


def test_on_and_off_are_words_where_words_are_expected_and_switches_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("name: off\nflip: off\n")

    recipe = parse(Recipe, with_overrides(read_yaml(path), ["sets=[on]"]))

    assert (recipe.name, recipe.flip, recipe.sets) == ("off", False, ("on",))
    assert [parse(Recipe, {"name": "a", "flip": word}).flip for word in ("on", "Off", "ON")] == [True, False, True]
    with pytest.raises(ConfigError, match="setting flip is 'of', expected bool"):
        parse(Recipe, {"name": "a", "flip": "of"})
