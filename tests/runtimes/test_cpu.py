"""The processor, from the texts that kernels show."""

from __future__ import annotations

import pytest

from runtimes.cpu import cores, cpu_flags, cpu_name, physical_cores, quota_cores

XEON = """
processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8480C
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu avx avx2 avx512f avx512_vnni avx512_bf16 amx_bf16 amx_tile amx_int8

processor\t: 1
model name\t: Intel(R) Xeon(R) Platinum 8480C
physical id\t: 0
core id\t\t: 0

processor\t: 2
physical id\t: 0
core id\t\t: 1

processor\t: 3
physical id\t: 1
core id\t\t: 0
"""
RASPBERRY = """
processor\t: 0
Features\t: fp asimd evtstrm aes crc32 atomics asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer\t: 0x41

Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""


def test_the_name_is_the_makers() -> None:
    assert cpu_name(XEON) == "Intel(R) Xeon(R) Platinum 8480C"
    assert cpu_name(RASPBERRY) == "Raspberry Pi 5 Model B Rev 1.0"


def test_a_processor_without_a_name_is_called_by_its_architecture() -> None:
    assert cpu_name("processor : 0")


@pytest.mark.parametrize(
    ("cpuinfo", "flags"),
    [
        (XEON, ("avx2", "avx512", "vnni", "bf16", "amx")),
        (RASPBERRY, ("neon", "dotprod")),
        ("flags : avx2 avx_vnni", ("avx2", "vnni")),
        ("", ()),
    ],
)
def test_flags_are_those_that_engines_use(cpuinfo: str, flags: tuple[str, ...]) -> None:
    assert cpu_flags(cpuinfo) == flags


def test_two_threads_of_a_core_are_one_core() -> None:
    assert physical_cores(XEON) == 3


def test_a_kernel_that_numbers_no_cores_leaves_them_unknown() -> None:
    assert physical_cores(RASPBERRY) is None


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", None), ("200000 100000", 2), ("150000 100000", 2), ("", None), ("5", None)]
)
def test_a_containers_quota_is_rounded_up(quota: str, expected: int | None) -> None:
    assert quota_cores(quota) == expected


def test_this_process_may_use_a_core() -> None:
    assert cores() >= 1
