"""What an export writes: a package, with variants of one photo size where they are asked for, or a server's folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exporters.conversion import Row, conversion_table
from exporters.layout import Layout, write_layout
from exporters.layout import check_output as check_folder
from sdk.commands.common import print_json
from sdk.errors import ConfigError, ExportError
from sdk.manifest import MANIFEST_NAME, Manifest
from sdk.package import Package, write_package

if TYPE_CHECKING:
    from exporters.build import Built
    from exporters.static import Size


@dataclass(frozen=True)
class Content:
    """A package in memory."""

    manifest: Manifest
    files: dict[str, bytes]  # by path
    rows: tuple[Row, ...]  # one a variant

    @classmethod
    def of_built(cls, built: Built) -> Content:
        """What was rendered."""
        return cls(built.manifest, built.files, built.rows)

    @classmethod
    def of_package(cls, path: Path) -> Content:
        """A package as it is."""
        with Package.open(path) as opened:
            rows = tuple(map(Row.of, opened.manifest.variants))
            return cls(opened.manifest, opened.read_all(), rows)

    def with_sizes(self, sizes: Sequence[Size]) -> Content:
        """With each OpenVINO variant of any size in these sizes too, proven beside it."""
        from exporters.static import check_sizes, is_openvino, static_id, with_static

        manifest, files = self.manifest, self.files
        ids = [entry.id for entry in manifest.variants if entry.size is None]
        check_sizes(sizes, ids, manifest.input.multiple, manifest.receptive_halo)
        added = []
        for variant_id in filter(is_openvino, ids):
            for size in sizes:
                manifest, files = with_static(manifest, files, variant_id, size)
                added.append(Row.of(manifest.variant(static_id(variant_id, size))))
        return Content(manifest, dict(files), (*self.rows, *added))


def check_output(output: Path, *, force: bool) -> Path:
    """The package's path, refused before any work is done if it could not be written at the end."""
    if output.exists() and not force:
        raise ExportError(f"{output} already exists", hint="pass --force to replace it")
    if output.is_dir() and not (output / MANIFEST_NAME).is_file():
        raise ExportError(f"{output} is a folder that is not a model package; it is not replaced", hint="name a file")
    if not output.parent.is_dir():
        raise ExportError(f"cannot write {output}: there is no folder {output.parent}", hint="create it first")
    return output


def check_layout_output(output: Path | None, layout: Layout, name: str, *, force: bool) -> Path:
    """The same for a server's folder, which has no default name. name: the package's."""
    if output is None:
        raise ConfigError(f"--layout {layout.kind} writes a folder, and none is named", hint="name it with -o")
    check_folder(output, layout.name or name, force=force)
    return output


def put(content: Content, output: Path, layout: Layout | None, *, force: bool, as_json: bool) -> None:
    """Write one or the other, and say what was written."""
    if layout is None:
        put_package(content, output, force=force, as_json=as_json)
    else:
        put_layout(content, layout, output, force=force, as_json=as_json)


def put_package(content: Content, output: Path, *, force: bool, as_json: bool) -> None:
    """Write the package, and say what is in it: one row a variant."""
    manifest = content.manifest
    write_package(output, manifest, content.files, overwrite=force).close()
    if as_json:
        variants = {row.variant: row.to_json() for row in content.rows}
        print_json({"package": str(output), "name": manifest.name, "version": manifest.version, "variants": variants})
        return
    click.echo(conversion_table(content.rows))
    click.echo(f"wrote {output}: {manifest.name} {manifest.version}")


def put_layout(content: Content, layout: Layout, output: Path, *, force: bool, as_json: bool) -> None:
    """Write the folder of a model server, and say what is in it."""
    chosen, files = write_layout(content.manifest, content.files, layout, output, force=force)
    if as_json:
        told: dict[str, Any] = {"output": str(output), "layout": layout.kind, "variant": chosen, "files": files}
        print_json(told)
        return
    click.echo(f"wrote {output}: {chosen} for {layout.kind}")
    for path in files:
        click.echo(f"  {path}")
