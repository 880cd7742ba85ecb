"""Model files: safetensors. The metadata entry ``equiglass`` is JSON with format, version and description."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equiglass.errors import DataError, EquiglassError
from equiglass.files import replacing

if TYPE_CHECKING:
    from torch import Tensor


def write_model(path: Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write a model file, completely or not at all.

    Args:
        path: the file.
        tensors: tensors by name.
        description: plain values, among them "format" and "version".
    """
    from safetensors.torch import save

    with replacing(path) as temporary:
        # The library's own function to write a file raises no OSError when the disk is full.
        temporary.write_bytes(save(dict(tensors), {"equiglass": json.dumps(description)}))


def read_model(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and description of a model file of any format.

    Raises:
        DataError: the file is missing, damaged, or not a model file of equiglass, or a weight is not a finite number.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            description = json.loads((file.metadata() or {})["equiglass"])
            # The open file is not a mapping.
            tensors = {key: file.get_tensor(key) for key in list(file.keys())}
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such model file.") from None
    except (SafetensorError, OSError, KeyError, ValueError):
        raise DataError(f"{path} is not a model file of equiglass, or is damaged.") from None
    import torch

    for key, tensor in tensors.items():
        # The compiled code reads these two precisions.
        if key.startswith("network.") and tensor.ndim and tensor.dtype not in (torch.float32, torch.float64):
            raise DataError(
                f"{path}: {key} has the precision {tensor.dtype}; weights are float32 or float64. The file is damaged, "
                "or another program has changed it; fetch it or train the model again."
            )
        # A network may turn NaN weights into finite predictions, because comparisons with NaN are false.
        if key.startswith("network.") and not bool(tensor.isfinite().all()):
            raise DataError(
                f"{path}: a weight is not a finite number ({key}). The file is damaged, or its training has diverged; "
                "train again."
            )
    return tensors, description


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """A block that makes a model of tensors and description.

    Raises:
        DataError: they do not belong together.
    """
    try:
        yield
    except EquiglassError:
        raise
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        words = " ".join(str(error).partition("For further")[0].split())
        raise DataError(
            f"{path} is damaged: its description does not fit ({type(error).__name__}: {words}). Fetch the file or "
            "train the model again."
        ) from None


def check_version(path: Path, description: Mapping[str, Any], file_format: str, version: int) -> int:
    """Check the format of a model file and return its version.

    Raises:
        DataError: the file has another format, or a version newer than ``version`` or none.
    """
    if not isinstance(number := description.get("version"), int) or number < 1:
        raise DataError(f"{path} is damaged: its version is {number!r}. Fetch the file or train the model again.")
    if (found := description.get("format")) != file_format:
        raise DataError(
            f"{path} has format {found} where {file_format} is needed; it is of another method or of a newer equiglass."
        )
    if number > version:
        raise DataError(
            f"{path} has format {file_format} version {number}; this equiglass reads it up to version {version}. "
            "Install a newer equiglass."
        )
    return number
