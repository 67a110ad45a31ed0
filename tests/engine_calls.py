"""Which names of TensorRT our code uses, read from the code; as a program, which of them a set of bindings lacks.

python -m tests.engine_calls FOLDER: the bindings in FOLDER, as JSON: version and missing names.
"""

from __future__ import annotations

import ast
import importlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.compiled import load_without_tensorrt

ROOT = Path(__file__).parents[1]
RTX_ONLY = "tensorrt_rtx.py"
STAND_IN = ROOT / "tests" / "stand_in"
MODULE = {"__version__", "__name__"}  # that the bindings are no package of that name
MODULES = ("trt", "rtx")  # the names that TensorRT's module goes by
VARIABLES = {  # the names that its objects go by, in every file of runtimes/tensorrt*.py
    "builder": "Builder",
    "cache": "ITimingCache",
    "config": "IBuilderConfig",
    "context": "IExecutionContext",
    "engine": "ICudaEngine",
    "fault": "ParserError",
    "kernels": "IRuntimeCache",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "profile": "IOptimizationProfile",
    "runtime": "Runtime",
    "settings": "IRuntimeConfig",
}


def names_used(path: Path) -> set[str]:
    """Every name of TensorRT's that a file uses: OnnxParser.parse, MemoryPoolType.WORKSPACE."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            found |= set(_attribute(node))
        elif isinstance(node, ast.ClassDef):
            found |= set(_overridden(node))
    return found


def names_defined(path: Path) -> set[str]:
    """Every public name of a stand-in for TensorRT: classes, and what is in them."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found |= {node.name, *(f"{node.name}.{name}" for part in node.body for name in _names(part))}
    return found


def files() -> list[Path]:
    """Where TensorRT is used."""
    return sorted((ROOT / "runtimes").glob("tensorrt*.py"))


def missing(module: object, names: set[str]) -> list[str]:
    """The names that a module does not have."""
    return sorted(name for name in names if not _has(module, name.split(".")))


def _attribute(node: ast.Attribute) -> Iterator[str]:
    chain = [node.attr]
    value = node.value
    while isinstance(value, ast.Attribute):
        chain.append(value.attr)
        value = value.value
    if isinstance(value, ast.Name) and value.id in MODULES:
        yield ".".join(reversed(chain))
    elif isinstance(value, ast.Name) and value.id in VARIABLES and len(chain) == 1:
        yield f"{VARIABLES[value.id]}.{node.attr}"


def _overridden(node: ast.ClassDef) -> Iterator[str]:
    """The methods with which a class of ours answers TensorRT."""
    for base in node.bases:
        if isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name) and base.value.id in MODULES:
            yield from (f"{base.attr}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef))


def _names(part: ast.stmt) -> Iterator[str]:
    """The public names that a statement in a class defines."""
    names: list[ast.expr | str] = []
    if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
        names = [part.name]
    elif isinstance(part, ast.Assign):
        names = [one for target in part.targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
    elif isinstance(part, ast.AnnAssign):
        names = [part.target]
    for name in names:
        text = name.id if isinstance(name, ast.Name) else str(name)
        if not text.startswith("_"):
            yield text


def _has(value: object, chain: list[str]) -> bool:
    return not chain or (hasattr(value, chain[0]) and _has(getattr(value, chain[0]), chain[1:]))


def main(folder: str) -> None:
    """Import the bindings in a folder, without TensorRT, and compare."""
    version = next(Path(folder).glob("tensorrt_cu*_bindings-*.dist-info")).name.split("-")[1]
    with tempfile.TemporaryDirectory() as scratch:
        load_without_tensorrt(Path(scratch), int(version.split(".")[0]))
        sys.path.insert(0, folder)
        bindings = importlib.import_module("tensorrt_bindings")
    names = {name for path in files() if path.name != RTX_ONLY for name in names_used(path)} - MODULE
    names |= names_defined(STAND_IN / "tensorrt.py")
    found = {"version": bindings.__version__, "missing": missing(bindings, names), "checked": len(names)}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
