"""Data of Shiba et al., J. Chem. Phys. 158, 084503 (2023), doi 10.1063/5.0129791 (BOTAN).

There is one npz per configuration and time:

    types               (N,), 0 = A, 1 = B
    initial_positions   (N, 3)
    positions           (runs, N, 3), unwrapped positions of all iso-configurational runs at this time

The file name contains the temperature, the configuration and the index of the time:
``isoconfig_N4096T0.44_{configuration}_tc{index}.npz``. The files do not contain the box, L = (N / 1.2)^(1/3), nor the
potential. A box that is in the file has precedence. The potential is force-shifted at 2.5 sigma_ab, as the
configurations show (`observables.configurational_temperature`).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError, EquiglassWarning
from equiglass.files import reading
from equiglass.formats import FORMATS, Content, Format
from equiglass.formats.glassbench import stated_box
from equiglass.formats.npz import Arrays, read_npz, refuse_half, refuse_whole, require
from equiglass.liquid.potential import KOB_ANDERSEN_FORCE_SHIFTED
from equiglass.liquid.state_points import published_times
from equiglass.liquid.system import System
from equiglass.observables.propensity import labels_from_runs

_NAME = re.compile(r"isoconfig_N(\d+)T(\d+(?:\.\d+)?)_(\d+)_tc(\d+)\.npz")
_EXPECTED = "isoconfig_N4096T0.44_1_tc07.npz (number of particles, temperature, configuration, time index)"


def configuration_in(file_name: str) -> tuple[str, str, str] | None:
    """(N, T, configuration) from a file name of the data set; None for any other name."""
    match = _NAME.fullmatch(file_name)
    return (match[1], match[2], match[3]) if match else None


def read_shiba(paths: Sequence[Path]) -> System:
    """One configuration from its files, one file per time.

    If the name of the file has no temperature and time, only positions and types are returned, with a warning.

    Raises:
        DataError: a file is damaged, files contradict one another, or a time occurs twice.
    """
    first = paths[0]
    by_index: dict[int, Path] = {}
    ends: dict[int, NDArray[np.float64]] = {}
    with reading(first):
        start = _arrays(first)
        match = _NAME.fullmatch(first.name)
        if match is None:
            return _unlabelled(first, start)
        n, temperature, configuration = int(match[1]), match[2], match[3]
        times = published_times(float(temperature))
        if start["types"].size != n:
            raise DataError(f"the name says N = {n}, but the file holds {start['types'].size} particles.")
    for path in paths:
        with reading(path):
            arrays = start if path == first else _arrays(path)
            for key in ("types", "initial_positions"):
                if not np.array_equal(arrays[key], start[key]):
                    raise DataError(
                        f"{key} differ from those in {first}, although both names say the same configuration."
                    )
            index = int(path.stem.rpartition("_tc")[2])
            if not 1 <= index <= len(times):
                raise DataError(f"time index {index} does not exist; the indices run from 1 to {len(times)}.")
            if index in by_index:
                raise DataError(
                    f"this file has the same configuration and time as {by_index[index]}; give one of them."
                )
            by_index[index], ends[index] = path, arrays["positions"]

    with reading(first):
        box = stated_box(start)
        indices = sorted(by_index)
        # System wraps the initial positions afterwards.
        labels = labels_from_runs((ends[index] for index in indices), start["initial_positions"], box)
        return System(
            start["initial_positions"],
            start["types"],
            box,
            name=f"T{temperature}_{configuration}",
            temperature=float(temperature),
            potential=KOB_ANDERSEN_FORCE_SHIFTED,
            time_labels=tuple(str(index) for index in indices),
            times=np.array([times[index - 1] for index in indices]),
            provenance={
                "format": "Shiba",
                "source": ", ".join(by_index[index].name for index in indices),
                "doi": "10.1063/5.0129791",
            },
            **labels,
        )


def _arrays(path: Path) -> Arrays:
    arrays = read_npz(path)
    require(arrays, "types", "initial_positions", "positions")
    refuse_half(arrays, "initial_positions", "positions")
    refuse_whole(arrays, "initial_positions", "positions")
    return arrays


def _unlabelled(path: Path, arrays: Arrays) -> System:
    warnings.warn(
        f"{path}: the runs are left out, because the file name does not contain their temperature and time. "
        f"A name like {_EXPECTED} is expected.",
        EquiglassWarning,
        stacklevel=3,
    )
    return System(
        arrays["initial_positions"],
        arrays["types"],
        stated_box(arrays),
        name=path.stem,
        potential=KOB_ANDERSEN_FORCE_SHIFTED,
        provenance={"format": "Shiba", "source": path.name},
    )


def _recognise(content: Content) -> bool:
    named = configuration_in(content.path.name) is not None
    return named or {"initial_positions", "positions"} <= content.keys


FORMATS.add(
    "shiba",
    Format(
        name="shiba",
        title="Shiba et al.",
        suffixes=(".npz",),
        recognise=_recognise,
        read=lambda paths, species: [read_shiba(paths)],
        group=configuration_in,
        states_potential=False,
    ),
)
