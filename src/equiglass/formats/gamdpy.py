"""Configurations and trajectories of gamdpy (pypi.org/project/gamdpy), HDF5.

    initial_configuration       ptype (N,); attribute simbox_data
    trajectory                  positions and images (blocks, frames, N, 3), steps (frames,); older: trajectory_saver
    restarts/restart0000, ...   vectors (3, N, 3), which are r, v and f; r_im, ptype; the same attribute
    NAME                        single configurations like restarts, where ``Configuration.save`` wrote them

The trajectory is read if there is one, otherwise the restarts, otherwise every configuration. Old files of a single
configuration hold ``r``, ``ptype`` and ``r_im`` and the attribute simbox. The box is centred at 0, and types are
numbered from 0. The time is the step times the attribute ``dt``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.files import decoding
from equiglass.formats import FORMATS, Content, Format
from equiglass.liquid.species import Species
from equiglass.liquid.system import System

_TRAJECTORY = ("trajectory", "trajectory_saver")


def read_gamdpy(path: Path, order: Sequence[str] | None = None) -> Iterator[System]:
    """One configuration per frame, one at a time. A frame that a block repeats from the end of the last is left out.

    Args:
        path: the file.
        order: the numbers of types 0, 1, 2, ... as text, or None for the numbers of the file.

    Raises:
        DataError: the file is damaged, or a box is sheared or two-dimensional.
    """
    import h5py

    species = Species(order)
    with h5py.File(path, "r") as file:
        place = next((key for key in _TRAJECTORY if key in file and "positions" in file[key]), None)
        if place is not None:
            yield from _trajectory(path, file, file[place], species)
            return
        with decoding():
            groups = _configurations(file)
        for name, group in groups.items():
            yield _configuration(path, name, group, species)


def _trajectory(path: Path, file: Any, trajectory: Any, species: Species) -> Iterator[System]:
    with decoding():
        start = file["initial_configuration"]
        types = species.numbered(start["ptype"][()])
        fixed = _box(start)
        blocks, frames = trajectory["positions"].shape[:2]
        steps = _steps(trajectory, frames)
        length = int(trajectory.attrs["steps_per_timeblock"])
        dt = file.attrs.get("dt")
    last = -1
    for block in range(blocks):
        for frame in range(frames):
            step = block * length + int(steps[frame])
            if step <= last:
                continue
            with decoding():
                positions = trajectory["positions"][block, frame].astype(np.float64)
                images = trajectory["images"][block, frame].astype(np.int64) if "images" in trajectory else None
                box = _lengths(trajectory["sim_box"][block, frame]) if "sim_box" in trajectory else fixed
            if not np.any(positions):
                # Frames that the simulation did not reach are filled with zeros.
                continue
            last = step
            yield _system(path, f"{path.stem}_{step}", positions, types, box, images, step, dt)


def _steps(trajectory: Any, frames: int) -> NDArray[np.int64]:
    """The steps of the frames of a block; by default 0, 1, 2, 4, ..., as older versions save."""
    if "steps" in trajectory:
        return np.asarray(trajectory["steps"][()], dtype=np.int64)[:frames]
    return np.array([0, *(2**k for k in range(frames - 1))], dtype=np.int64)


def _configurations(file: Any) -> dict[str, Any]:
    """The groups of single configurations by name; the file itself under "" in the old format."""
    if "restarts" in file and len(file["restarts"]):
        return {name: file["restarts"][name] for name in sorted(file["restarts"])}
    found = {name: group for name, group in file.items() if "simbox_data" in group.attrs}
    if "r" in file and "ptype" in file:
        found[""] = file
    if not found:
        raise DataError("there is no configuration of gamdpy in this file.")
    return found


def _configuration(path: Path, name: str, group: Any, species: Species) -> System:
    with decoding():
        # The positions are the first of the vectors. Their names are not read: HDF5 crashes on damaged texts.
        positions = (group["vectors"][0] if "vectors" in group else group["r"][()]).astype(np.float64)
        images = group["r_im"][()].astype(np.int64) if "r_im" in group else None
        types = species.numbered(group["ptype"][()])
        box = _box(group)
    return _system(path, f"{path.stem}_{name}" if name else path.stem, positions, types, box, images, None, None)


def _system(
    path: Path,
    name: str,
    positions: NDArray[np.float64],
    types: NDArray[np.int64],
    box: NDArray[np.float64],
    images: NDArray[np.int64] | None,
    step: int | None,
    dt: Any,
) -> System:
    if positions.shape[-1] != 3 or box.shape != (3,):
        raise DataError(f"the configuration has {positions.shape[-1]} dimensions; only three are read.")
    return System(
        positions + box / 2,
        types,
        box,
        name=name,
        images=images,
        origin=-box / 2,
        timestep=step,
        time=None if step is None or dt is None else step * float(dt),
        provenance={"format": "gamdpy", "source": path.name},
    )


def _box(group: Any) -> NDArray[np.float64]:
    """The edges of the box from the attributes of a configuration; in old files the attribute is called simbox."""
    return _lengths(group.attrs["simbox" if "simbox" in group.attrs else "simbox_data"])


def _lengths(data: Any) -> NDArray[np.float64]:
    """The edges from the numbers of a box: D edges, for Lees-Edwards boundaries with the shift and its image."""
    values = np.asarray(data, dtype=np.float64)
    if values.size > 3 and np.any(values[3:]):
        raise DataError("the box is sheared (Lees-Edwards); only orthorhombic boxes are supported.")
    return values[:3]


def _recognise(content: Content) -> bool:
    if not content.start.startswith(b"\x89HDF"):
        return False
    import h5py

    try:
        with h5py.File(content.path, "r") as file:
            if "format" in file.attrs:
                return False
            known = {*_TRAJECTORY, "initial_configuration", "restarts"} & set(file)
            return bool(known) or {"r", "ptype"} <= set(file) or any("simbox_data" in g.attrs for g in file.values())
    except Exception:
        # The library raises any exception on damaged data.
        return False


FORMATS.add(
    "gamdpy",
    Format(
        name="gamdpy",
        title="gamdpy",
        suffixes=(".h5", ".hdf5"),
        recognise=_recognise,
        read=lambda paths, species: (system for path in paths for system in read_gamdpy(path, species)),
        names_species=True,
    ),
)
