"""Files and objects of other programs, written by these programs or their libraries."""

from __future__ import annotations

import gzip
import random
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from equiglass.errors import ConfigurationError, DataError, EquiglassError, EquiglassWarning, SetupError
from equiglass.formats import load, save, stream
from equiglass.liquid.columns import STATES
from equiglass.liquid.neighbors import minimum_image
from equiglass.liquid.system import LABELS, System
from samples.command import run
from samples.complete import assert_same, full_system
from samples.damaged import LIQUID, dump_lines, shiba_arrays, xyz_lines
from samples.labelled import labelled_liquid
from samples.liquids import random_liquid

STORED = Path(__file__).parent / "stored"


def assert_liquid(system: System, expected: System = LIQUID, digits: float = 1e-6) -> None:
    """The same particles in the same order, up to images."""
    np.testing.assert_allclose(system.box, expected.box, rtol=1e-6)
    np.testing.assert_array_equal(system.types, expected.types)
    np.testing.assert_allclose(
        minimum_image(system.positions - expected.positions, expected.box), 0, atol=digits, err_msg=system.name
    )


# --- HOOMD GSD ---


def gsd_frame(types: list[str] = ["A", "B"], step: int = 100) -> object:  # noqa: B006
    hoomd = pytest.importorskip("gsd.hoomd")
    frame = hoomd.Frame()
    frame.configuration.step = step
    frame.configuration.box = [*LIQUID.box, 0, 0, 0]
    frame.particles.N = LIQUID.n_particles
    frame.particles.types = types
    frame.particles.typeid = LIQUID.types
    frame.particles.position = LIQUID.positions - LIQUID.box / 2
    frame.particles.image = np.arange(180).reshape(60, 3) % 5 - 2
    return frame


def write_gsd(path: Path, *frames: object) -> Path:
    hoomd = pytest.importorskip("gsd.hoomd")
    with hoomd.open(str(path), "w") as trajectory:
        for frame in frames:
            trajectory.append(frame)
    return path


def test_gsd(tmp_path: Path) -> None:
    path = write_gsd(tmp_path / "a.gsd", gsd_frame(step=100), gsd_frame(step=200))
    for system, step in zip(load(path, copies=True), (100, 200), strict=True):
        assert_liquid(system)
        assert (system.name, system.timestep) == (f"a_{step}", step)
        unwrapped = LIQUID.positions + (np.arange(180).reshape(60, 3) % 5 - 2) * LIQUID.box
        np.testing.assert_allclose(system.unwrapped, unwrapped, atol=1e-5)
        np.testing.assert_allclose(system.origin, -LIQUID.box / 2, rtol=1e-6)
    (tmp_path / "a.gsd").rename(tmp_path / "nameless")
    assert len(load(tmp_path / "nameless", copies=True)) == 2
    assert_liquid(System.from_gsd(gsd_frame()))


def test_gsd_names_of_types(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"species Ni, P have no natural order.*--types"):
        System.from_gsd(gsd_frame(["Ni", "P"]))
    path = write_gsd(tmp_path / "a.gsd", gsd_frame(["Ni", "P"]))
    with pytest.raises(DataError, match=r"a\.gsd: the species Ni, P have no natural order"):
        load(path)
    assert_liquid(load(path, types=["Ni", "P"])[0])
    np.testing.assert_array_equal(System.from_gsd(gsd_frame(["Ni", "P"]), ["P", "Ni"]).types, 1 - LIQUID.types)
    np.testing.assert_array_equal(System.from_gsd(gsd_frame(["B", "A"])).types, 1 - LIQUID.types)
    with pytest.raises(DataError, match="two species have the same name"):
        System.from_gsd(gsd_frame(["A", "A"]))
    with pytest.raises(DataError, match="'Ni' is not in the given order"):
        System.from_gsd(gsd_frame(["Ni", "P"]), ["Fe", "P"])


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ([4, 4, 4, 0.1, 0, 0], "tilted"),
        ([4, 4, 0, 0, 0, 0], "two-dimensional"),
    ],
)
def test_gsd_boxes_that_are_refused(box: list[float], said: str) -> None:
    frame = gsd_frame()
    frame.configuration.box = box  # type: ignore[attr-defined]
    with pytest.raises(DataError, match=said):
        System.from_gsd(frame)


def test_a_damaged_gsd_and_a_missing_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_gsd(tmp_path / "a.gsd", gsd_frame())
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=r"a\.gsd"):
        load(path)
    monkeypatch.setitem(__import__("sys").modules, "gsd.hoomd", None)
    with pytest.raises((SetupError, DataError), match=r"equiglass\[gsd\]"):
        load(path)


# --- LAMMPS data ---

HEADER = "LAMMPS data file via write_data, version 29 Aug 2024, timestep = 700, units = lj\n\n"


def data_file(style: str, columns: str, header: str = HEADER, extra: str = "") -> str:
    """A data file whose atoms have the columns of a format string, with the box from -1 on."""
    box = "".join(f"-1 {side - 1!r} {axis}lo {axis}hi\n" for axis, side in zip("xyz", LIQUID.box.tolist(), strict=True))
    rows = [
        columns.format(id=k + 1, type=kind + 1, x=x - 1, y=y - 1, z=z - 1)
        for k, (kind, (x, y, z)) in enumerate(zip(LIQUID.types.tolist(), LIQUID.positions.tolist(), strict=True))
    ]
    # The order of the atoms in a data file is any.
    atoms = "\n".join(rows[30:] + rows[:30])
    masses = "\nMasses\n\n1 1.0\n2 1.0\n"
    velocities = "\nVelocities\n\n" + "\n".join(f"{k + 1} 0 0 0" for k in range(60)) + "\n"
    return f"{header}60 atoms\n2 atom types\n\n{box}{extra}{masses}\nAtoms{style}\n\n{atoms}\n{velocities}"


@pytest.mark.parametrize(
    ("style", "columns"),
    [
        ("", "{id} {type} {x} {y} {z}"),
        ("", "{id} {type} {x} {y} {z} 0 0 0"),
        ("  # atomic", "{id} {type} {x} {y} {z}"),
        (" # charge", "{id} {type} -0.5 {x} {y} {z}"),
        (" # full", "{id} 7 {type} -0.5 {x} {y} {z} 0 0 0"),
        (" # molecular", "{id} 7 {type} {x} {y} {z}"),
        (" # sphere", "{id} {type} 1.0 1.0 {x} {y} {z}"),
        (" # dipole", "{id} {type} 0.0 {x} {y} {z} 1 0 0"),
        (" # spin", "{id} {type} {x} {y} {z} 1 0 0 2 0 0 0"),
    ],
)
def test_lammps_data_of_every_style(tmp_path: Path, style: str, columns: str) -> None:
    (tmp_path / "liquid.data").write_text(data_file(style, columns))
    (system,) = load(tmp_path)
    assert_liquid(system)
    assert (system.name, system.timestep, system.ids.tolist()) == ("liquid", 700, list(range(1, 61)))
    assert system.origin.tolist() == [-1, -1, -1]


def test_lammps_data_flags_labels_and_other_names(tmp_path: Path) -> None:
    text = data_file(" # atomic", "{id} {type} {x} {y} {z} 1 0 -2")
    (tmp_path / "data.liquid").write_text(text)
    (system,) = load(tmp_path / "data.liquid")
    np.testing.assert_allclose(system.unwrapped, LIQUID.positions + [1, 0, -2] * LIQUID.box, atol=1e-9)
    labelled = text.replace("\nMasses", "\nAtom Type Labels\n\n1 Ni\n2 P\n\nMasses").replace(
        "1 1.0\n2 1.0", "Ni 1\nP 1"
    )
    (tmp_path / "numbers.data").write_text(labelled)
    assert_liquid(load(tmp_path / "numbers.data")[0])
    assert_liquid(load(tmp_path / "numbers.data", types=["Ni", "P"])[0])
    with pytest.raises(DataError, match="not in the given order"):
        load(tmp_path / "numbers.data", types=["A", "B"])


@pytest.mark.parametrize(
    ("style", "columns", "header", "extra", "said"),
    [
        ("", "{id} {type} 0 {x} {y} {z}", HEADER, "", "the atom style is not stated"),
        (" # full", "{id} {type} {x} {y} {z}", HEADER, "", "the atom style full has 7 columns"),
        (" # novel", "{id} {type} {x} {y} {z}", HEADER, "", "the atom style 'novel' is not known"),
        ("", "{id} {type} {x} {y} {z}", HEADER.replace("lj", "metal"), "", "metal"),
        ("", "{id} {type} {x} {y} {z}", HEADER, "0.5 0 0 xy xz yz\n", "tilted"),
        ("", "1 {type} {x} {y} {z}", HEADER, "", "atom 1 occurs twice"),
        ("", "{id} 0 {x} {y} {z}", HEADER, "", "numbered from 1"),
        ("", "{id} {type} {x} {y} nan", HEADER, "", "number is expected"),
    ],
)
def test_lammps_data_that_is_refused(
    tmp_path: Path, style: str, columns: str, header: str, extra: str, said: str
) -> None:
    (tmp_path / "a.data").write_text(data_file(style, columns, header, extra))
    with pytest.raises(DataError, match=said):
        load(tmp_path)


def test_lammps_data_straight_though_tilts_are_stated_and_cut_off(tmp_path: Path) -> None:
    text = data_file("", "{id} {type} {x} {y} {z}", extra="0.0 4e-16 0 xy xz yz\n")
    (tmp_path / "a.data").write_text(text)
    assert_liquid(load(tmp_path)[0])
    (tmp_path / "a.data").write_text("\n".join(text.splitlines()[:40]))
    with pytest.raises(DataError, match="60 atoms are announced, but"):
        load(tmp_path)
    (tmp_path / "a.data").write_text(text.replace("xlo xhi", "xlo"))
    with pytest.raises(DataError, match="box is missing"):
        load(tmp_path)


def test_lammps_data_with_more_lines_than_announced_and_units_in_the_title(tmp_path: Path) -> None:
    text = data_file("", "{id} {type} {x} {y} {z}")
    (tmp_path / "a.data").write_text(text.replace("60 atoms", "59 atoms"))
    with pytest.raises(DataError, match="59 atoms are announced, but more lines follow"):
        load(tmp_path)
    (tmp_path / "a.data").write_text(text.replace(HEADER, "a glass, units metal\n\n"))
    with pytest.raises(DataError, match="'metal'"):
        load(tmp_path)
    (tmp_path / "a.data").write_text(text.replace(HEADER, "a glass in LJ units of sigma\n\n"))
    assert_liquid(load(tmp_path)[0])


def test_lammps_data_of_ase(tmp_path: Path) -> None:
    write = pytest.importorskip("ase.io").write
    write(tmp_path / "a.data", LIQUID.to_ase(), format="lammps-data", specorder=["H", "He"])
    assert_liquid(load(tmp_path)[0])


# --- RUMD, gamdpy, eqnet ---


def test_rumd(tmp_path: Path) -> None:
    with np.load(STORED / "gamdpy-0.8.3.golden.npz") as golden:
        (system,) = load(STORED / "rumd3-gamdpy-0.8.3.xyz.gz")
        np.testing.assert_array_equal(system.types, golden["types"])
        np.testing.assert_allclose(system.unwrapped + system.origin, golden["unwrapped"], atol=1e-6)
        np.testing.assert_allclose(system.box, golden["box"], atol=1e-6)
    text = gzip.decompress((STORED / "rumd3-gamdpy-0.8.3.xyz.gz").read_bytes()).decode()
    (tmp_path / "trajectory0001.xyz").write_text(text.replace("ioformat=2", "ioformat=2 timeStepIndex=8") * 2)
    first, second = load(tmp_path, copies=True)
    assert (first.name, second.name, second.timestep) == ("trajectory0001_1", "trajectory0001_2", 8)
    (tmp_path / "trajectory0001.xyz").write_text(text.replace("RectangularSimulationBox", "LeesEdwardsSimulationBox"))
    with pytest.raises(DataError, match="LeesEdwardsSimulationBox"):
        load(tmp_path)


def test_gamdpy(tmp_path: Path) -> None:
    with np.load(STORED / "gamdpy-0.8.3.golden.npz") as golden:
        (system,) = load(STORED / "gamdpy-0.8.3-configuration.h5")
        np.testing.assert_array_equal(system.types, golden["types"])
        np.testing.assert_allclose(system.unwrapped + system.origin, golden["unwrapped"], atol=1e-5)
        frames = load(STORED / "gamdpy-0.8.3-trajectory.h5")
        # The second block repeats the last frame of the first.
        assert [frame.timestep for frame in frames] == [0, 1, 2, 4, 5, 6, 8]
        np.testing.assert_allclose([frame.time for frame in frames], 0.004 * np.array([0, 1, 2, 4, 5, 6, 8]))
        for frame, k in zip(frames, (0, 1, 2, 3, 5, 6, 7), strict=True):
            np.testing.assert_allclose(frame.unwrapped + frame.origin, golden["frames"][k], atol=1e-5)


def test_a_data_set_of_equiglass_is_none_of_gamdpy(tmp_path: Path) -> None:
    save(LIQUID, tmp_path / "a.h5")
    assert load(tmp_path)[0].name == LIQUID.name
    import h5py

    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["numbers"] = np.arange(3)
    with pytest.raises(DataError, match="not a data set of equiglass"):
        load(tmp_path / "b.h5")


def test_eqnet(tmp_path: Path) -> None:
    ends = np.stack(
        [shiba_arrays()["positions"], LIQUID.positions + 2 * (shiba_arrays()["positions"] - LIQUID.positions)]
    )
    arrays = {
        "types": LIQUID.types.astype(np.int32),
        "positions": LIQUID.positions,
        "positions_IS": LIQUID.positions + 0.01,
        "times": np.array([13, 4120]),
        "box": LIQUID.box,
        "trajectory_target_positions": ends,
    }
    np.savez(tmp_path / "a.npz", **arrays)
    (system,) = load(tmp_path)
    assert_liquid(system)
    assert (system.time_labels, system.times.tolist(), system.runs) == (("1", "2"), [13, 4120], 4)
    np.testing.assert_allclose(system.propensity, np.linalg.norm(ends - LIQUID.positions, axis=-1).mean(axis=1))
    np.testing.assert_allclose(system.positions_inherent - system.positions, 0.01)
    np.savez(tmp_path / "a.npz", **{**arrays, "times": np.array([13, 13])})
    with pytest.raises(DataError, match="times must ascend"):
        load(tmp_path)
    np.savez(tmp_path / "a.npz", **{**arrays, "times": np.array([13])})
    with pytest.raises(DataError, match="runs at 2 times, but 1 times"):
        load(tmp_path)


def sound(kind: str, folder: Path) -> bytes:
    """The content of a sound file of a program."""
    if kind == "a.gsd":
        return write_gsd(folder / "sound.gsd", gsd_frame(), gsd_frame(step=200)).read_bytes()
    if kind == "a.data":
        return data_file(" # full", "{id} 7 {type} -0.5 {x} {y} {z} 0 0 0").encode()
    if kind == "a.xyz":
        return gzip.decompress((STORED / "rumd3-gamdpy-0.8.3.xyz.gz").read_bytes())
    return (STORED / f"gamdpy-0.8.3-{kind}").read_bytes()


@pytest.mark.parametrize("kind", ["a.gsd", "a.data", "a.xyz", "configuration.h5", "trajectory.h5"])
def test_any_damage_is_survived(tmp_path: Path, kind: str) -> None:
    """Bytes overwritten at random, or the end cut off: either it still loads or it is an EquiglassError."""
    content = sound(kind, tmp_path)
    path, dice, sentences = tmp_path / kind, random.Random(0), []
    for _ in range(40):
        damaged = bytearray(content)
        for _ in range(dice.choice([1, 5, 50])):
            damaged[dice.randrange(len(content) if dice.random() < 0.5 else 1000)] = dice.randrange(256)
        if dice.random() < 0.2:
            del damaged[dice.randrange(len(damaged)) :]
        path.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EquiglassWarning)
            try:
                load(path)
            except EquiglassError as error:
                sentences.append(str(error))
    assert len(sentences) > 10
    assert all(path.name in sentence for sentence in sentences)


# --- objects ---


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
    names = [SimpleNamespace(id=1, name="Ni"), SimpleNamespace(id=2, name="")]
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


# --- frames ---


def trajectory(n: int = 12) -> str:
    lines = dump_lines()
    return "".join("\n".join([lines[0], str(100 * k), *lines[2:]]) + "\n" for k in range(n))


@pytest.mark.parametrize(
    ("frames", "steps"),
    [
        ("0:12:5", [0, 500, 1000]),
        ("3:5", [300, 400]),
        ("::6", [0, 600]),
        ("10:", [1000, 1100]),
        ("10:1000:1", [1000, 1100]),
    ],
)
def test_frames_of_a_trajectory(tmp_path: Path, frames: str, steps: list[int]) -> None:
    (tmp_path / "a.dump").write_text(trajectory())
    assert [system.timestep for system in load(tmp_path, frames=frames, copies=True)] == steps


def test_frames_beyond_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_text(trajectory(2))
    with pytest.raises(DataError, match=r"a\.dump: there is no frame in 2:"):
        load(tmp_path, frames="2:")
    assert run("quench", tmp_path / "a.dump", "--frames", "2:", "-o", tmp_path / "q.h5") == 2
    assert not (tmp_path / "q.h5").exists()


@pytest.mark.parametrize("frames", ["5", "a:b", "-3:", "1:2:0", "1:2:3:4"])
def test_frames_that_are_none(tmp_path: Path, frames: str) -> None:
    (tmp_path / "a.dump").write_text(trajectory(2))
    with pytest.raises(ConfigurationError, match="frames"):
        load(tmp_path, frames=frames)


@pytest.mark.parametrize("suffix", [".dump", ".xyz"])
def test_frames_are_read_one_at_a_time(tmp_path: Path, suffix: str) -> None:
    text = trajectory(3) if suffix == ".dump" else ("\n".join(xyz_lines()) + "\n") * 3
    (tmp_path / f"a{suffix}").write_text(text + "this is not a frame\n")
    systems = stream(tmp_path / f"a{suffix}", copies=True)
    assert_liquid(next(systems))
    assert_liquid(next(systems))
    assert len(load(tmp_path / f"a{suffix}", frames="0:2", copies=True)) == 2
    with pytest.raises(DataError, match="not a frame"):
        list(systems)


def test_image_flags_and_times_of_dumps(tmp_path: Path) -> None:
    lines = [
        line.replace("id type x y z", "id type x y z ix iy iz") if line.startswith("ITEM: ATOMS") else line
        for line in dump_lines()
    ]
    at = next(k for k, line in enumerate(lines) if line.startswith("ITEM: ATOMS"))
    flagged = [
        "ITEM: TIME",
        "2.5",
        *lines[: at + 1],
        *(f"{line} {k % 3 - 1} 0 2" for k, line in enumerate(lines[at + 1 :])),
    ]
    (tmp_path / "a.dump").write_text("\n".join(flagged) + "\n")
    (system,) = load(tmp_path)
    assert system.time == 2.5
    flags = np.column_stack([np.arange(60) % 3 - 1, np.zeros(60), np.full(60, 2)])
    np.testing.assert_allclose(system.unwrapped, LIQUID.positions + flags * LIQUID.box, atol=1e-9)
    assert_liquid(system)


def test_a_species_that_comes_later_and_changes_the_types_is_refused(tmp_path: Path) -> None:
    one = "\n".join(dump_lines()) + "\n"
    other = one.replace("TIMESTEP\n0", "TIMESTEP\n1").replace("\n1 1 ", "\n1 0 ")
    (tmp_path / "a.dump").write_text(one + (other if other != one else one.replace("\n1 2 ", "\n1 0 ")))
    with pytest.raises(DataError, match="is new in this frame"):
        load(tmp_path)


def test_the_commands_take_frames(tmp_path: Path) -> None:
    (tmp_path / "a.dump").write_text(trajectory(5))
    assert run("quench", tmp_path / "a.dump", "-o", tmp_path / "q.h5", "--frames", "0:5:2") == 0
    assert [system.timestep for system in load(tmp_path / "q.h5", copies=True)] == [0, 200, 400]


def test_positions_beyond_the_box_have_image_flags() -> None:
    outside = replace(LIQUID, positions=LIQUID.positions + 3 * LIQUID.box)
    np.testing.assert_array_equal(outside.images, 3)
    np.testing.assert_allclose(outside.unwrapped, LIQUID.positions + 3 * LIQUID.box)
    assert LIQUID.images is None
    assert random_liquid().images is None
    again = replace(outside, images=None)
    assert again.images is None
    with pytest.raises(DataError, match="images has shape"):
        replace(LIQUID, images=np.zeros((3, 3)))


def test_cage_positions_are_saved(tmp_path: Path) -> None:
    system = replace(LIQUID, positions_cage=LIQUID.positions + 0.02)
    for suffix in (".h5", ".xyz"):
        save(system, tmp_path / f"a{suffix}")
        (loaded,) = load(tmp_path / f"a{suffix}")
        np.testing.assert_allclose(loaded.positions_cage - loaded.positions, 0.02, atol=1e-7)
    np.testing.assert_array_equal(system.positions_in("cage"), system.positions_cage)
    with pytest.raises(DataError, match="no cage"):
        LIQUID.positions_in("cage")
