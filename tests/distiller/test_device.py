"""The number format in which a network is computed."""

from __future__ import annotations

import pytest
import torch

from distiller import device
from distiller.device import autocast, computes_bfloat16
from runtimes.cpu import cpu_flags

CPU = torch.device("cpu")


def answers_in(setting: str) -> torch.dtype:
    image, weight = torch.randn(1, 3, 8, 8), torch.randn(4, 3, 3, 3)
    with autocast(CPU, setting):
        return torch.nn.functional.conv2d(image, weight).dtype


@pytest.mark.parametrize(("setting", "dtype"), [("bfloat16", torch.bfloat16), ("off", torch.float32)])
def test_a_named_format_is_kept_to(setting: str, dtype: torch.dtype) -> None:
    assert answers_in(setting) == dtype


def test_auto_computes_in_bfloat16_where_this_cpu_does() -> None:
    assert computes_bfloat16("cpu") == ("bf16" in cpu_flags())
    assert answers_in("auto") == (torch.bfloat16 if computes_bfloat16("cpu") else torch.float32)


@pytest.mark.parametrize("flags", [(), ("avx2", "avx512", "vnni"), ("avx2", "avx512", "vnni", "bf16")])
def test_a_cpu_that_imitates_bfloat16_does_not_count(monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]) -> None:
    monkeypatch.setattr(device, "cpu_flags", lambda: flags)
    computes_bfloat16.cache_clear()

    assert computes_bfloat16("cpu") == ("bf16" in flags)
    computes_bfloat16.cache_clear()
