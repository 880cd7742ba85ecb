"""Our data set, paths and folders, and what every format has in common."""

from __future__ import annotations

import io
import json
import pickle
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from equiglass.errors import DataError, EquiglassError, EquiglassWarning
from equiglass.formats import FORMATS, Format, load, save, stream
from equiglass.formats.xyz import write_xyz
from equiglass.liquid.system import System
from samples.complete import assert_same, full_system
from samples.damaged import (
    LIQUID,
    SHIBA_NAME,
    bapst_data,
    dump_lines,
    glassbench_arrays,
    labelled_arrays,
    shiba_arrays,
    xyz_lines,
)
from samples.liquids import random_liquid

# --- our data set ---


def test_dataset_round_trip(tmp_path: Path) -> None:
    systems = [full_system(seed) for seed in range(3)] + [random_liquid(n=30, seed=9, n_types=3)]
    save(iter(systems), tmp_path / "liquids.h5")
    loaded = load(tmp_path / "liquids.h5")
    single = dict.fromkeys(("propensity", "replica_variance", "propensity_halves", "predictions"), 1e-7)
    half = dict.fromkeys(("mean_displacement", "replica_displacements"), 5e-4)
    for one, other in zip(systems, loaded, strict=True):
        assert_same(one, other, single | half)


def test_dataset_keeps_large_displacements(tmp_path: Path) -> None:
    system = full_system()
    large = replace(system, mean_displacement=1e5 * system.mean_displacement)
    save(large, tmp_path / "large.h5")
    (loaded,) = load(tmp_path)
    np.testing.assert_allclose(loaded.mean_displacement, large.mean_displacement, rtol=1e-6)


def test_dataset_saved_twice_is_one_file(tmp_path: Path) -> None:
    save([full_system(0), full_system(1)], tmp_path / "a.h5")
    save(full_system(2), tmp_path / "a.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    (system,) = load(tmp_path)
    assert system.name == full_system(2).name


def test_replicas_left_out(tmp_path: Path) -> None:
    save(full_system(), tmp_path / "a.h5")
    (system,) = load(tmp_path, replicas=False)
    assert system.replica_displacements is None
    assert system.replica_variance is not None


# --- paths ---


def test_folder_in_natural_order_and_several_paths(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for k in (10, 9, 100, 1):
        np.savez(folder / f"c{k}.npz", **labelled_arrays() | {"positions": random_liquid(60, seed=k).positions})
    save(replace(LIQUID, name="last"), tmp_path / "last.h5")
    (folder / ".hidden.npz").write_bytes(b"")
    (folder / "README.md").write_text("read me")
    (folder / "deeper").mkdir()
    names = [system.name for system in load([folder, str(tmp_path / "last.h5")])]
    assert names == ["c1", "c9", "c10", "c100", "last"]


def test_sub_folders_are_named_when_nothing_else_is_there(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(EquiglassError, match="train"):
        load(tmp_path)


@pytest.mark.parametrize("kind", ["npz", "pickle", "h5", "xyz"])
def test_format_by_content_without_extension(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "configuration"
    if kind == "npz":
        buffer = io.BytesIO()
        np.savez(buffer, **labelled_arrays())
        path.write_bytes(buffer.getvalue())
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(bapst_data(), protocol=3))
    elif kind == "h5":
        save(LIQUID, tmp_path / "a.h5")
        (tmp_path / "a.h5").rename(path)
    else:
        path.write_text("\n".join(xyz_lines()))
    (system,) = load(path)
    np.testing.assert_allclose(system.positions, LIQUID.positions, atol=1e-12)


def test_stream_reads_one_file_at_a_time(tmp_path: Path) -> None:
    np.savez(tmp_path / "a1.npz", **labelled_arrays())
    (tmp_path / "a2.npz").write_bytes(b"broken")
    systems = stream(tmp_path)
    assert next(systems).name == "a1"
    with pytest.raises(EquiglassError, match=r"a2\.npz"):
        next(systems)


def test_sound_files_load_without_a_warning(tmp_path: Path) -> None:
    np.savez(tmp_path / SHIBA_NAME, **shiba_arrays())
    np.savez(tmp_path / "N60T0.44_1.npz", **glassbench_arrays())
    (tmp_path / "a.dump").write_text("\n".join(dump_lines()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load(tmp_path, copies=True)) == 3


FAILURE = 'The mean temperature is 0.7, not T = 0.5: "not in equilibrium", 100 % wrong.'


@pytest.mark.parametrize("extension", ["h5", "xyz"])
def test_a_data_set_that_failed_its_checks_stays_marked(liquid: System, tmp_path: Path, extension: str) -> None:
    marked = replace(liquid, failures=(FAILURE,), equilibrated=False)
    other, third = random_liquid(seed=1), random_liquid(seed=2)
    second = replace(other, failures=(FAILURE,), equilibrated=False)
    save([marked, second, replace(third, name="good")], tmp_path / f"data.{extension}")
    with pytest.warns(EquiglassWarning, match=rf"data\.{extension}: FAILED its physics checks. The mean") as warned:
        first, second, good = load(tmp_path / f"data.{extension}")
    assert len(warned) == 1
    assert [failure.replace("'", '"') for failure in first.failures + second.failures] == [FAILURE, FAILURE]
    assert (first.equilibrated, good.equilibrated) == (False, None)
    assert good.failures == ()


def test_several_failures_are_kept_apart_in_a_data_set(liquid: System, tmp_path: Path) -> None:
    save([replace(liquid, failures=("It ages.", FAILURE)), random_liquid(seed=1)], tmp_path / "data.h5")
    with h5py.File(tmp_path / "data.h5") as file:
        assert list(file.attrs["failed"]) == ["It ages.", FAILURE]
    with pytest.warns(EquiglassWarning, match="It ages. The mean temperature"):
        assert load(tmp_path)[0].failures == ("It ages.", FAILURE)


def test_a_prediction_keeps_the_mark(liquid: System, tmp_path: Path) -> None:
    write_xyz(tmp_path / "out.xyz", [(replace(liquid, failures=("It ages.",)), {}, {})])
    with pytest.warns(EquiglassWarning, match="It ages"):
        load(tmp_path / "out.xyz")


def test_provenance_decides_nothing(liquid: System, tmp_path: Path) -> None:
    noted = replace(liquid, provenance={"failed": "a note", "equilibration": "NOT in equilibrium."})
    save(noted, tmp_path / "data.h5")
    (loaded,) = load(tmp_path)
    assert (loaded.failures, loaded.equilibrated, loaded.provenance) == ((), None, noted.provenance)


STEADY = "In the first and in the second half the temperature is 0.5 and 0.5: no sign of ageing."
AGEING = "In the first and in the second half the temperature is 0.5 and 0.7: NOT in equilibrium."


@pytest.mark.parametrize("version", [1, 2])
def test_older_data_sets_are_translated(liquid: System, tmp_path: Path, version: int) -> None:
    """They say in the provenance what the fields say now."""
    provenances = [{"equilibration": AGEING, "failed": FAILURE}, {"equilibration": STEADY}, {"source": "a test"}]
    liquids = [random_liquid(seed=seed) for seed in range(len(provenances))]
    noted = [replace(each, provenance=own) for each, own in zip(liquids, provenances, strict=True)]
    save(noted, tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        file.attrs["version"] = version
    with pytest.warns(EquiglassWarning, match="FAILED its physics checks. The mean"):
        systems = load(tmp_path)
    assert [system.failures for system in systems] == [(FAILURE,), (), ()]
    assert [system.equilibrated for system in systems] == [False, True, None]
    assert [dict(system.provenance) for system in systems] == [{"equilibration": AGEING}, *provenances[1:]]


# --- formats ---


def test_every_format_has_a_suffix_and_a_name() -> None:
    assert {"bapst", "dataset", "glassbench", "labelled", "lammps", "shiba", "xyz"} <= set(FORMATS)
    assert [each.name for each in FORMATS.values() if each.write] == ["dataset", "xyz"]


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Path]:
    """A format of this test alone: a JSON file with types, positions and box."""

    def read(paths: Sequence[Path], species: Sequence[str] | None) -> Iterator[System]:
        for path in paths:
            held = json.loads(path.read_text())
            yield System(held["positions"], np.array(held["types"]), held["box"], name=path.stem)

    def write(systems: Iterable[System], path: Path) -> None:
        (system,) = systems
        held = {"types": system.types, "positions": system.positions, "box": system.box}
        path.write_text(json.dumps({key: values.tolist() for key, values in held.items()}))

    starts = re.compile(rb'\s*\{"types"')
    FORMATS.add("plain", Format("plain", "plain JSON", (".json",), lambda c: bool(starts.match(c.start)), read, write))
    yield tmp_path
    FORMATS.remove("plain")


def test_a_further_format_is_one_object(liquid: System, plain: Path) -> None:
    save(liquid, plain / "a.json")
    save(random_liquid(seed=1), plain / "b.xyz")
    assert [system.name for system in load(plain)] == ["a", "liquid-1"]
    (plain / "a.json").rename(plain / "a")
    np.testing.assert_array_equal(load(plain / "a")[0].positions, liquid.positions)
    with pytest.raises(EquiglassError, match=r"plain JSON \(\.json\)"):
        save(liquid, plain / "a.csv")


def test_an_error_of_a_reader_is_no_damage_of_a_file(liquid: System, plain: Path) -> None:
    """The reader above looks up keys that a file may lack, which is its own mistake; bad JSON is that of the file."""
    (plain / "a.json").write_text("{}")
    with pytest.raises(KeyError, match="positions"):
        load(plain / "a.json")
    (plain / "a.json").write_text("{")
    with pytest.raises(DataError, match=r"a\.json: cannot be read \(JSONDecodeError"):
        load(plain / "a.json")
