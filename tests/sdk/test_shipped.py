"""The packages that come with the SDK are opened by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdk.errors import ArtifactError
from sdk.package import Package
from sdk.shipped import DEFAULT_PACKAGE, SHIPPED, shipped


def test_a_name_stands_for_its_package() -> None:
    assert shipped("default") == DEFAULT_PACKAGE
    with Package.open("default") as named, Package.open(DEFAULT_PACKAGE) as other:
        assert named.manifest.version == other.manifest.version


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_package_is_there_and_called_that(name: str) -> None:
    with Package.open(name) as package:
        assert package.manifest.name == name


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("default").write_bytes(b"mine")

    assert shipped("default") == Path("default")
    with pytest.raises(ArtifactError, match="default"):
        Package.open("default")


def test_other_words_are_paths() -> None:
    assert shipped("other") == Path("other")
    with pytest.raises(ArtifactError, match="cannot open model package 'other'"):
        Package.open("other")
