"""Lint: what an engine would refuse or get wrong about an ONNX file, found without the engine.

Pure checks. An error is what TensorRT 10.3 or a later one is known to refuse, or what would change a count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import onnx

from exporters import lint_quantised, lint_rules
from exporters.lint_finding import Finding
from exporters.lint_graph import GraphView
from sdk.errors import ConfigError

Rule = Callable[[GraphView], Iterator[Finding]]

COMMON: tuple[Rule, ...] = (
    lint_rules.opset,
    lint_rules.validity,
    lint_rules.contract,
    lint_rules.outside_data,
    lint_rules.local_paths,
)
FOR_TENSORRT: tuple[Rule, ...] = (
    lint_rules.operators,
    lint_rules.bytes_are_cast,
    lint_rules.known_types,
    lint_rules.one_type_each,
    lint_rules.summed_in_fp32,
    lint_quantised.zero_points,
    lint_quantised.quantised_types,
    lint_quantised.scales,
    lint_quantised.axes,
    lint_quantised.pairs,
)
RULES = {"onnx": COMMON, "tensorrt": (*COMMON, *FOR_TENSORRT)}  # by the format of a variant


def lint_model(model: onnx.ModelProto, format_: str) -> list[Finding]:
    """What is wrong with an ONNX file for a format's engine."""
    if format_ not in RULES:
        raise ConfigError(f"there are no lint rules for format {format_!r}", hint=f"known: {', '.join(RULES)}")
    graph = GraphView(model)
    return [finding for rule in RULES[format_] for finding in rule(graph)]


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """Those that stop an export."""
    return [finding for finding in findings if finding.level == "error"]
