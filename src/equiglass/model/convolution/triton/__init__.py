"""The equivariant convolution in Triton, for a CUDA GPU; the operation of :mod:`equiglass.model.convolution.operation`.

No GPU has run it so far: the kernels are checked under Triton's interpreter on a CPU (``TRITON_INTERPRET=1``).
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec

import torch


def unavailable(device: str = "cuda") -> str | None:
    """Why the Triton convolution cannot run on this kind of device, or None where it can.

    Args:
        device: "cuda" or "cpu"; on a CPU Triton's interpreter runs it, slowly, if TRITON_INTERPRET is 1.
    """
    if not _installed():
        return "the package triton is not installed (pip install 'equiglass[gpu]')"
    if device == "cuda":
        return None if torch.cuda.is_available() else "torch finds no CUDA GPU"
    if os.environ.get("TRITON_INTERPRET") == "1":
        return None
    return "Triton computes on CUDA GPUs alone, on a CPU only under TRITON_INTERPRET=1"


def available(device: str = "cuda") -> bool:
    """Whether the Triton convolution can run on this kind of device."""
    return unavailable(device) is None


@cache
def _installed() -> bool:
    return find_spec("triton") is not None
