"""The device of a training."""

from __future__ import annotations

import torch

from equiglass.errors import SetupError
from equiglass.model.convolution import triton


def training_device(choice: str) -> torch.device:
    """The device for a setting; "auto" is a GPU if there is one and Triton is installed.

    Args:
        choice: "auto", "cpu" or "cuda".

    Raises:
        SetupError: the choice is "cuda", but there is no GPU or no Triton.
    """
    reason = triton.unavailable()
    if choice == "cuda" and reason:
        raise SetupError(f"device is 'cuda', but {reason}; set device: auto or cpu.")
    return torch.device("cpu" if reason or choice == "cpu" else "cuda")
