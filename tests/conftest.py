"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.system import System
from samples.liquids import random_liquid


def pytest_configure() -> None:
    """Prepare the process of the tests and those that it starts."""
    # Without a GPU the Triton kernels run under Triton's interpreter. Triton reads this when it is first imported.
    if not torch.cuda.is_available():
        os.environ.setdefault("TRITON_INTERPRET", "1")
    # A shell starts background jobs with SIGINT ignored, nohup with SIGHUP, and all their processes inherit this.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real configurations; the test is skipped where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EQUIGLASS_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real configurations at {folder}; set EQUIGLASS_DATA to their folder")
    return folder


@pytest.fixture
def liquid() -> System:
    """120 particles, two types."""
    system = random_liquid()
    assert periodic_pairs(system.positions, system.box, 0.3).receivers.size == 0
    return system
