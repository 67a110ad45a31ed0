"""Pickles of others: converted when they hold the network's tensors and nothing else, and refused otherwise."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from distiller import checkpoint as store
from distiller.commands import main
from distiller.importing import import_checkpoint
from distiller.networks import Architecture, CountingNetwork
from sdk.errors import ArtifactError, ConfigError
from tests.students import student

ARCHITECTURE = Architecture("csrnet", 16)


def others_names(network: CountingNetwork) -> dict[str, torch.Tensor]:
    """The weights as somebody else's code names them, saved from a wrapper."""
    return {f"module.backbone.{i}": value for i, value in enumerate(network.state_dict().values())}


def photos() -> torch.Tensor:
    return torch.randint(0, 256, (1, 32, 48, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("inside", ["state_dict", ""])
def test_a_network_trained_on_rgb_counts_the_same_photos_in_bgr(tmp_path: Path, inside: str) -> None:
    source = student("csrnet", batch_norm=False)
    tensors = others_names(source)
    torch.save({inside: tensors, "epoch": 3} if inside else tensors, tmp_path / "theirs.pth")

    about = import_checkpoint(tmp_path / "theirs.pth", ARCHITECTURE, tmp_path / "ours")

    network = store.network_of(store.load(tmp_path / "ours"))
    with torch.no_grad():
        rgb = source.normalise(photos()).flip(1)  # what the other code feeds it
        expected = source.head(source.frontend(rgb)).relu().squeeze(1)
        torch.testing.assert_close(network(photos()), expected)
    assert (about["matched"], about["colour"]) == ("by order and shape", "rgb")


def test_our_own_names_keep_our_own_colours(tmp_path: Path) -> None:
    source = student("bl", batch_norm=True)
    torch.save(source.state_dict(), tmp_path / "ours.pth")

    about = import_checkpoint(tmp_path / "ours.pth", Architecture("bl", 16, batch_norm=True), tmp_path / "out")

    assert torch.equal(store.network_of(store.load(tmp_path / "out"))(photos()), source(photos()))
    assert (about["matched"], about["colour"]) == ("by name", "bgr")


def test_a_pickle_that_would_run_code_is_refused_and_does_not(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"weight": Trap()}, tmp_path / "trap.pth")

    with pytest.raises(ArtifactError, match=r"trap\.pth cannot be read safely: UnpicklingError .expected a state dict"):
        import_checkpoint(tmp_path / "trap.pth", ARCHITECTURE, tmp_path / "out")
    assert not (tmp_path / "sprung").exists()


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    tensors = others_names(student("csrnet", batch_norm=False))
    few, other = dict(list(tensors.items())[:-1]), others_names(student("bl", batch_norm=False))
    torch.save(few, tmp_path / "few.pth")
    torch.save(other, tmp_path / "other.pth")
    torch.save(nn.Conv2d(1, 1, 1), tmp_path / "module.pth")
    torch.save({"epoch": 3}, tmp_path / "epoch.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"weight": Path("x")}, protocol=4))
    (tmp_path / "taken").mkdir()

    cases = [
        ("few", r"few\.pth does not fit csrnet 1/16: it holds 33 tensors, expected 34"),
        ("other", r"does not fit csrnet 1/16: backbone\.14 has shape \(16, 16, 3, 3\), .* has \(32, 16, 3, 3\)"),
        ("module", "cannot be read safely"),
        ("text", "cannot be read safely"),
        ("plain", "cannot be read safely"),
        ("epoch", "holds no state dict .expected a mapping of names to tensors"),
        ("list", "holds no state dict"),
        ("gone", "no file"),
    ]
    for name, message in cases:
        with pytest.raises(ArtifactError, match=message):
            import_checkpoint(tmp_path / f"{name}.pth", ARCHITECTURE, tmp_path / "out")
    with pytest.raises(ConfigError, match="taken exists already"):
        import_checkpoint(tmp_path / "few.pth", ARCHITECTURE, tmp_path / "taken")
    assert not (tmp_path / "out").exists()


def test_our_names_with_other_shapes_are_refused(tmp_path: Path) -> None:
    torch.save(student("csrnet", 8, batch_norm=False).state_dict(), tmp_path / "wide.pth")

    with pytest.raises(ArtifactError, match=r"wide\.pth does not fit csrnet 1/16: frontend\.0\.conv\.weight has shape"):
        import_checkpoint(tmp_path / "wide.pth", ARCHITECTURE, tmp_path / "out")


def test_the_command_says_what_it_took(tmp_path: Path) -> None:
    torch.save(others_names(student("csrnet", batch_norm=False)), tmp_path / "theirs.pth")
    words = ["import", str(tmp_path / "theirs.pth"), "--architecture", "csrnet", "--n", "16"]

    result = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "ours")])

    assert result.exit_code == 0, result.output
    assert "34 tensors by order and shape, colours rgb" in result.stdout
    assert CliRunner().invoke(main, [*words, "--out", str(tmp_path / "ours")]).exit_code == 2
