"""The environment of a result: versions of the packages and the compiler, processor, memory, GPU."""

from __future__ import annotations

import contextlib
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from equiglass.machine import processes
from equiglass.machine.compiled import compiler


def environment() -> dict[str, Any]:
    """Versions, processor, GPU, and numbers of threads and processes of a training."""
    packages = ("equiglass", "torch", "e3nn", "numpy", "vesin")
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "processes": processes.size(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def machine() -> dict[str, Any]:
    """Processor, number of usable cores, memory in bytes, GPU and operating system."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    return {
        "processor": name,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": installed_memory(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Versions of Python, of the packages and of the compiler behind a measurement."""
    found = compiler()
    packages = ("equiglass", "torch", "e3nn", "numpy", "scipy", "vesin")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "compiler": "none" if isinstance(found, str) else found.version.splitlines()[0],
    }


def installed_memory() -> int:
    """Memory of the machine, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
