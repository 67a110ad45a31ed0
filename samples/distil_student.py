"""Distil a small student from the packaged network on your own labelled photos, score it, and export it.

python samples/distil_student.py samples/photos/points.csv student [--set steps=5000]

A row of the CSV is a head: photo,x,y. The same command goes on where it was interrupted. A few hundred photos and
thousands of steps make a useful student; with three photos this shows the way only. pip install 'skt-edge[export]'
"""

import argparse
import subprocess
import sys
from pathlib import Path

from sdk.shipped import DEFAULT_PACKAGE

HERE = Path(__file__).parent


def run(module: str, *words: object) -> None:
    """Run a command as the shell would: skt-distill is distiller.commands, and so on."""
    command = [sys.executable, "-m", module, *map(str, words)]
    print("$", *command[2:], flush=True)
    if code := subprocess.run(command, check=False).returncode:  # noqa: S603 - the user's own files
        sys.exit(code)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("points", type=Path, help="photo,x,y")
parser.add_argument("out", type=Path, help="a folder for the run; the package lies beside it")
parser.add_argument("--teacher", type=Path, default=DEFAULT_PACKAGE, help="a checkpoint or a package")
parser.add_argument("--recipe", type=Path, default=HERE / "student.yaml")
parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the recipe")
options = parser.parse_args()

settings = [word for setting in options.set for word in ("--set", setting)]
run("distiller.commands", "train", "--recipe", options.recipe, "--data", options.points, "--teacher", options.teacher,
    "--out", options.out, *settings)  # fmt: skip

package = options.out.with_suffix(".skt")
run("exporters.commands", "-m", options.out / "last", "-o", package, "--force")
for name, model in (("teacher", options.teacher), ("student", package)):
    print(f"{name}, on your photos, from which the student learned:", flush=True)
    run("sdk.commands.eval", model, "--dataset", "points", "--root", options.points)
