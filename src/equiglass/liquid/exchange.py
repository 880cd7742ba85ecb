"""Configurations from and to the objects of other packages: ASE, HOOMD-blue (GSD) and OVITO.

Each function returns the fields of a System by name. Nothing is imported to read an object; its attributes suffice.
The units of the objects must be Lennard-Jones units, since the objects do not state any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import DataError, missing
from equiglass.liquid.arrays import Float
from equiglass.liquid.box import STRAIGHT_SINGLE, edges_of
from equiglass.liquid.columns import STATES, labels_in, parent_in, widths
from equiglass.liquid.labels import Label, numbers
from equiglass.liquid.mixture import potential_in
from equiglass.liquid.species import Species


def edges(cell: ArrayLike, periodic: Sequence[Any] = (True, True, True)) -> Float:
    """The edges of an orthorhombic box that is periodic in all directions, (3,), from its cell vectors, (3, 3).

    Raises:
        DataError: the box is tilted, missing or not periodic.
    """
    cell = np.asarray(cell, dtype=np.float64)
    if cell.shape != (3, 3) or not np.any(cell):
        raise DataError(f"the box is missing; three cell vectors are needed, got {cell.tolist()}.")
    # GSD has single precision.
    sides = edges_of(cell, straight=STRAIGHT_SINGLE)
    if not all(map(bool, periodic)):
        raise DataError(f"pbc is {[bool(p) for p in periodic]}; only boxes periodic in all directions are read.")
    return sides


class _Info:
    """The values of ``ase.Atoms.info``. ASE reads texts that look like numbers as numbers."""

    def __init__(self, info: Mapping[str, Any]) -> None:
        self._info = info

    def __contains__(self, key: str) -> bool:
        return key in self._info

    def text(self, key: str) -> str:
        return str(self._info[key])

    def words(self, key: str) -> list[str]:
        value = self._info[key]
        return value.split() if isinstance(value, str) else [str(each) for each in np.ravel(value)]

    def numbers(self, key: str, *, may_miss: bool = False) -> Float | None:
        if key not in self:
            return None
        try:
            values = np.array([float(word) for word in self.words(key)])
        except ValueError:
            values = np.array([np.inf])
        if not np.all(np.isfinite(values) | (may_miss & np.isnan(values))):
            raise DataError(f"{key} in atoms.info must hold plain numbers; got {self.text(key)[:60]!r}.")
        return values


def _shaped(name: str, values: ArrayLike, shape: tuple[int, ...]) -> Float:
    array = numbers(f"the array {name!r}", values)
    if array.size != np.prod(shape):
        raise DataError(f"the array {name!r} of the atoms has shape {array.shape}, not {shape}; rename or remove it.")
    return array.reshape(shape)


def fields_of_ase(atoms: Any, types: Sequence[str] | None, table: Mapping[str, Label]) -> dict[str, Any]:
    """The fields of a System from an ``ase.Atoms``; ``table`` holds the labels of a System.

    The array ``type`` (numbers of LAMMPS) counts before the chemical symbols, unless an order of the symbols is given.
    """
    if isinstance(atoms, list | tuple):
        raise DataError(f"a list of {len(atoms)} configurations; give them one by one, such as atoms[0].")
    arrays, info = atoms.arrays, atoms.info
    order = Species(types)
    symbols = [str(symbol) for symbol in atoms.get_chemical_symbols()]
    numbered = "type" in arrays and (types is None or not set(types) & set(symbols))
    species = [str(each) for each in arrays["type"]] if numbered else symbols
    corner = np.asarray(atoms.get_celldisp(), dtype=np.float64).reshape(3)
    keys = _Info(info)
    temperature = info.get("temperature")
    potential, stated = potential_in(keys)
    shapes = widths(table)
    columns = {
        name: _shaped(name, values, (len(symbols), *shapes[start]))
        for name, values in arrays.items()
        for start in shapes
        if name.startswith(start)
    }
    found = {
        "positions": atoms.get_positions() - corner,
        "types": order.types(species),
        "box": edges(atoms.cell[:], atoms.pbc),
        "origin": corner if np.any(corner) else None,
        "ids": np.asarray(arrays["id"], np.int64) if "id" in arrays else None,
        "temperature": None if temperature is None else float(temperature),
        "potential": potential,
        "parent": parent_in(keys),
        "failures": (keys.text("failed"),) if "failed" in keys else (),
        "equilibrated": keys.text("equilibrated") in ("True", "T") if "equilibrated" in keys else None,
        **labels_in(columns, keys, table),
        "provenance": {"format": "ase.Atoms", **stated},
    }
    if "name" in info:
        found["name"] = str(info["name"])
    for column, key in STATES.items():
        if column in arrays:
            found[key] = arrays[column] - corner if key.startswith("positions") else arrays[column]
    if "covariance_cage" in found:
        found["covariance_cage"] = _shaped("cage_covariance", found["covariance_cage"], (len(symbols), 3, 3))
    return found


def fields_of_gsd(frame: Any, types: Sequence[str] | None) -> dict[str, Any]:
    """The fields of a System from a frame of GSD or a snapshot of HOOMD-blue, whose box is centred at 0."""
    particles, configuration = frame.particles, frame.configuration
    if particles.N == 0 or particles.position is None:
        raise DataError("the frame holds no positions of particles.")
    box = np.asarray(configuration.box if configuration.box is not None else np.zeros(6), dtype=np.float64)
    if getattr(configuration, "dimensions", 3) == 2 or box[2] == 0:
        raise DataError("the frame is two-dimensional; only configurations in three dimensions are read.")
    lx, ly, lz, xy, xz, yz = box
    side = edges([[lx, 0, 0], [xy * ly, ly, 0], [xz * lz, yz * lz, lz]])
    names = [str(name) for name in particles.types or ()] or None
    kinds = np.zeros(particles.N, np.int64) if particles.typeid is None else np.asarray(particles.typeid)
    step = getattr(configuration, "step", None)
    return {
        "positions": np.asarray(particles.position, dtype=np.float64) + side / 2,
        "types": Species(types).numbered(kinds, names),
        "box": side,
        "images": None if particles.image is None else np.asarray(particles.image, np.int64),
        "origin": -side / 2,
        "timestep": None if step is None else int(step),
        "provenance": {"format": "GSD"},
    }


def fields_of_ovito(data: Any, types: Sequence[str] | None) -> dict[str, Any]:
    """The fields of a System from a ``DataCollection`` of OVITO."""
    if data.cell is None or data.particles is None:
        raise DataError("the data collection holds no particles, or no simulation cell.")
    if data.cell.is2D:
        raise DataError("the simulation cell is two-dimensional; only configurations in three dimensions are read.")
    cell = np.asarray(data.cell[...], dtype=np.float64)
    particles, corner = data.particles, cell[:, 3]
    side = edges(cell[:, :3].T, data.cell.pbc)
    kinds = particles.particle_types
    if kinds is None:
        raise DataError("the particles have no types (the property 'Particle Type' is missing).")
    ids = np.asarray(kinds[...], dtype=np.int64)
    named = {int(each.id): str(each.name) or str(each.id) for each in kinds.types}
    names = [named.get(k, str(k)) for k in ids.tolist()]
    images, numbers = (particles.get(key) for key in ("Periodic Image", "Particle Identifier"))
    step, time, temperature = (data.attributes.get(key) for key in ("Timestep", "Time", "temperature"))
    found: dict[str, Any] = {
        "positions": np.asarray(particles.positions[...], dtype=np.float64) - corner,
        "types": Species(types).types(names),
        "box": side,
        "images": None if images is None else np.asarray(images[...], np.int64),
        "ids": None if numbers is None else np.asarray(numbers[...], np.int64),
        "origin": corner if np.any(corner) else None,
        "timestep": None if step is None else int(step),
        "time": None if time is None else float(time),
        "temperature": None if temperature is None else float(temperature),
        "provenance": {"format": "OVITO DataCollection"},
    }
    if "name" in data.attributes:
        found["name"] = str(data.attributes["name"])
    return found


def to_ase(
    positions: Float, types: NDArray[np.int64], box: Float, symbols: Sequence[str] | None, arrays: dict[str, Any]
) -> Any:
    """An ``ase.Atoms`` with the array ``type`` (1, 2, ...) and further arrays by name.

    Raises:
        DataError: there are fewer symbols than types.
        SetupError: ASE is not installed.
    """
    try:
        from ase import Atoms
    except ImportError:
        raise missing("An ase.Atoms", "ASE", "ase") from None
    if symbols is not None and len(symbols) <= types.max():
        raise DataError(f"there are {types.max() + 1} types, but {len(symbols)} symbols {list(symbols)}.")
    given = {"numbers": types + 1} if symbols is None else {"symbols": [symbols[k] for k in types]}
    atoms = Atoms(positions=positions, cell=box, pbc=True, **given)
    for key, values in {"type": types + 1, **arrays}.items():
        atoms.set_array(key, np.array(values))
    return atoms
