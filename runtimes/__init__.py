"""Engines that run a counting model: what this machine has, which variant to take, and one seam to run it."""

from runtimes.base import Backend, BackendInfo, FakeBackend, LoadOptions, Output
from runtimes.environment import Engine, Environment
from runtimes.load import Attempt, load, open_first
from runtimes.plan import Candidate, Discard, Plan, Request, Variant, plan
from runtimes.probe import probe

__all__ = [
    "Attempt",
    "Backend",
    "BackendInfo",
    "Candidate",
    "Discard",
    "Engine",
    "Environment",
    "FakeBackend",
    "LoadOptions",
    "Output",
    "Plan",
    "Request",
    "Variant",
    "load",
    "open_first",
    "plan",
    "probe",
]
