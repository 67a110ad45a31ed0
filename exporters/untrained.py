"""A package of a network with random weights, for measuring time: python -m exporters.untrained bl/4 OUT.skt VARIANT...

INT8 is calibrated on drawn scenes and not gated: what such a network counts means nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporters.needs import export_extra
from sdk.commands.common import friendly
from sdk.package import write_package

if TYPE_CHECKING:
    from distiller.networks import CountingNetwork
    from exporters.calibration_photos import Shot
    from exporters.source import Source

SEED = 0
SPREAD, PEOPLE = 0.01, 0.05  # of the last convolution's weights; people a cell on average


@click.command()
@click.argument("network")
@click.argument("output", type=click.Path(path_type=Path))
@click.argument("variants", nargs=-1)
@friendly
def main(network: str, output: Path, variants: tuple[str, ...]) -> None:
    """Write a package of NETWORK, such as bl/4, with random weights."""
    with export_extra():
        write_untrained(network, output, variants)


def network_of(name: str) -> CountingNetwork:
    """The network NAME/N with weights by chance, the same each time: features of one, people in every cell."""
    import torch

    from distiller.networks import build, convolutions, fused

    torch.manual_seed(SEED)
    architecture, _, n = name.partition("/")
    network = fused(build(architecture, int(n)))
    *body, last = convolutions(network)
    with torch.no_grad():
        for conv in body:
            torch.nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        last.weight.mul_(SPREAD)
        torch.nn.init.constant_(last.get_parameter("bias"), PEOPLE)
    return network


def source_of(name: str) -> Source:
    """The network as something to export."""
    from distiller.networks import STRIDE, count_macs, count_parameters
    from exporters.onnx import master_of
    from exporters.source import MACS_SIZE, Source, torch_reference

    network = network_of(name)
    return Source(
        name=name.replace("/", "-"),
        architecture=name,
        multiple=network.multiple,
        stride=STRIDE,
        parameters=count_parameters(network),
        macs=count_macs(network, *MACS_SIZE),
        provenance={"data": ["none: weights by chance"]},
        master=master_of(network),
        reference=torch_reference(network),
        reference_name="torch",
    )


def drawn() -> list[Shot]:
    """Photos to calibrate on."""
    from exporters.calibration_photos import shot_of_image
    from sdk.scenes import draw_scene

    photos = [draw_scene(seed, width=256, height=192, people=30).photo for seed in (1, 2)]
    return [shot_of_image(f"drawn {number}", photo, people=30.0) for number, photo in enumerate(photos)]


def write_untrained(name: str, output: Path, variants: Sequence[str]) -> None:
    """Write the package with these variants, and the master."""
    from exporters.build import Options, build
    from exporters.calibration import calibrate
    from exporters.render import is_int8
    from exporters.tell import Tell
    from sdk.commands.common import Progress

    source = source_of(name)
    table = None
    if any(map(is_int8, variants)):
        table = calibrate(source.master, drawn(), "minmax", multiple=source.multiple)
    options = Options(tuple(dict.fromkeys(["onnx-fp32", *variants])), name.replace("/", "-"), table=table)
    built = build(source, options, Tell(lambda _: None, Progress))
    write_package(output, built.manifest, built.files, overwrite=True).close()


if __name__ == "__main__":
    main()
