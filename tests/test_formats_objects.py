"""Objects of ASE and OVITO as configurations, and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from equiglass.errors import DataError, EquiglassWarning
from equiglass.formats import load, save
from equiglass.liquid.columns import STATES
from equiglass.liquid.system import LABELS, System
from samples.complete import assert_same, full_system
from samples.damaged import LIQUID, assert_liquid
from samples.labelled import labelled_liquid


def test_ase_objects() -> None:
    pytest.importorskip("ase")
    full = replace(LIQUID, positions_inherent=LIQUID.positions + 0.01, ids=np.arange(60) + 5, origin=[1.0, 2.0, 3.0])
    back = System.from_ase(full.to_ase())
    assert_liquid(back)
    assert (back.temperature, back.name, back.ids.tolist()) == (0.5, LIQUID.name, full.ids.tolist())
    np.testing.assert_allclose(back.positions_inherent, full.positions_inherent)
    atoms = full.to_ase(["Ni", "P"])
    assert atoms.get_chemical_formula() == "Ni48P12"
    assert_liquid(System.from_ase(atoms, ["Ni", "P"]))
    del atoms.arrays["type"]
    with pytest.raises(DataError, match="no natural order"):
        System.from_ase(atoms)
    atoms.pbc = (True, True, False)
    with pytest.raises(DataError, match="periodic in all directions"):
        System.from_ase(atoms, ["Ni", "P"])
    with pytest.raises(DataError, match="2 types, but 1 symbols"):
        LIQUID.to_ase(["Ni"])
    with pytest.raises(DataError, match="a list of 2 configurations"):
        System.from_ase([atoms, atoms])


def test_an_ase_trajectory_is_refused_with_the_command_that_converts_it(tmp_path: Path) -> None:
    ase_io = pytest.importorskip("ase.io")
    ase_io.write(tmp_path / "a.traj", LIQUID.to_ase(["Ni", "P"]))
    with pytest.raises(DataError, match=r"ase convert FILE\.traj FILE\.xyz"):
        load(tmp_path / "a.traj")


def test_ase_objects_have_labels(tmp_path: Path) -> None:
    ase_io = pytest.importorskip("ase.io")
    full = replace(full_system(), parent=LIQUID.fingerprint, replica_displacements=None, predictions={}, origin=None)
    full = replace(full, failures=("one thing.",), timestep=None, time=None)
    atoms = full.to_ase()
    ase_io.write(tmp_path / "a.extxyz", atoms)
    with pytest.warns(EquiglassWarning, match="one thing"):
        (loaded,) = load(tmp_path)
    for back in (System.from_ase(atoms), loaded, System.from_ase(ase_io.read(tmp_path / "a.extxyz"))):
        kept = replace(full, name=back.name, provenance=back.provenance)
        assert_same(kept, back, dict.fromkeys(("positions", *STATES.values(), *LABELS), 2e-8))
    atoms.set_array("halves_x", np.ones(40))
    with pytest.raises(DataError, match=r"'halves_x' of the atoms has shape \(40,\), not \(40, 2\)"):
        System.from_ase(atoms)
    atoms.set_array("halves_x", None)
    atoms.info["times"] = "one two three"
    with pytest.raises(DataError, match=r"times in atoms\.info must hold plain numbers"):
        System.from_ase(atoms)
    del atoms.info["times"]
    with pytest.warns(EquiglassWarning, match="propensity columns are left out"):
        assert System.from_ase(atoms).propensity is None


def test_predictions_in_ase_objects_are_no_labels() -> None:
    pytest.importorskip("ase")
    atoms = labelled_liquid(0).to_ase()
    atoms.info["predicted_by"] = "kalj-T0.44"
    back = System.from_ase(atoms)
    assert (back.propensity, back.replica_variance, back.runs, list(back.predictions)) == (None,) * 3 + (
        ["kalj-T0.44"],
    )


class _Property(SimpleNamespace):
    def __getitem__(self, key: object) -> np.ndarray:
        return self.values


def test_ovito_data_collection() -> None:
    """An object with the attributes of ovito.data.DataCollection (3.17), which the real one has been compared with."""
    names = [SimpleNamespace(id=1, name=""), SimpleNamespace(id=2, name="")]
    properties = {
        "Periodic Image": _Property(values=np.ones((60, 3), np.int32)),
        "Particle Identifier": _Property(values=np.arange(60) + 1),
    }
    corner = np.array([-1.0, 0.0, 2.0])
    particles = SimpleNamespace(
        positions=_Property(values=LIQUID.positions + corner),
        particle_types=_Property(values=LIQUID.types + 1, types=names),
        get=properties.get,
    )
    cell = _Property(values=np.column_stack([np.diag(LIQUID.box), corner]), pbc=(True, True, True), is2D=False)
    data = SimpleNamespace(cell=cell, particles=particles, attributes={"Timestep": 30})
    system = System.from_ovito(data)
    assert_liquid(system)
    assert (system.timestep, system.ids[0], system.origin.tolist()) == (30, 1, corner.tolist())
    np.testing.assert_allclose(system.unwrapped, LIQUID.positions + LIQUID.box)
    # OVITO numbers named types in the order of the file, which says nothing about their order in a model.
    names[0].name, names[1].name = "P", "Ni"
    with pytest.raises(DataError, match="species Ni, P have no natural order"):
        System.from_ovito(data)
    assert np.bincount(System.from_ovito(data, ["Ni", "P"]).types).tolist() == [12, 48]
    cell.is2D = True
    with pytest.raises(DataError, match="two-dimensional"):
        System.from_ovito(data)
    cell.is2D, cell.pbc = False, (True, False, True)
    with pytest.raises(DataError, match="periodic in all directions"):
        System.from_ovito(data)


def test_an_ovito_pipeline(tmp_path: Path) -> None:
    ovito_io = pytest.importorskip("ovito.io")
    save(LIQUID, tmp_path / "a.xyz")
    assert_liquid(System.from_ovito(ovito_io.import_file(str(tmp_path / "a.xyz")).compute()))
