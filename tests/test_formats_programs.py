"""Files and objects of other programs, written by these programs or their libraries."""

from __future__ import annotations

import gzip
import random
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equiglass.errors import DataError, EquiglassError, EquiglassWarning, SetupError
from equiglass.formats import load, save
from equiglass.liquid.system import System
from samples.damaged import LIQUID, assert_liquid, shiba_arrays

STORED = Path(__file__).parent / "stored"


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


def test_cage_positions_are_saved(tmp_path: Path) -> None:
    system = replace(LIQUID, positions_cage=LIQUID.positions + 0.02)
    for suffix in (".h5", ".xyz"):
        save(system, tmp_path / f"a{suffix}")
        (loaded,) = load(tmp_path / f"a{suffix}")
        np.testing.assert_allclose(loaded.positions_cage - loaded.positions, 0.02, atol=1e-7)
    np.testing.assert_array_equal(system.positions_in("cage"), system.positions_cage)
    with pytest.raises(DataError, match="no cage"):
        LIQUID.positions_in("cage")
