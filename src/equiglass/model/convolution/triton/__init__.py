"""The equivariant convolution of :mod:`equiglass.model.convolution.operation` in Triton, for a CUDA GPU.

Tests check the kernels on a GPU where there is one, else on a CPU with the interpreter of Triton
(``TRITON_INTERPRET=1``).
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec

import torch

from equiglass.errors import installing


def unavailable(device: str = "cuda") -> str | None:
    """The reason why the Triton convolution cannot run on a device, or None if it can.

    Args:
        device: kind of the device, "cuda" or "cpu". On a CPU, the slow interpreter of Triton runs it if
            TRITON_INTERPRET is 1.
    """
    if not _installed():
        return f"the package triton is not installed ({installing('gpu')})"
    if device == "cuda":
        return None if torch.cuda.is_available() else "torch finds no CUDA GPU"
    if os.environ.get("TRITON_INTERPRET") == "1":
        return None
    return "Triton computes only on CUDA GPUs, or on a CPU with TRITON_INTERPRET=1"


def available(device: str = "cuda") -> bool:
    """Whether the Triton convolution can run on a device, "cuda" or "cpu"."""
    return unavailable(device) is None


@cache
def _installed() -> bool:
    return find_spec("triton") is not None
