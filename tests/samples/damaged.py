"""Damaged and unphysical files of every format, one way of being wrong each."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from equiglass.formats import load, save
from equiglass.liquid.neighbors import minimum_image
from equiglass.liquid.system import System
from samples.liquids import random_liquid

LIQUID = random_liquid(n=60)
SIDE = repr(float(LIQUID.box[0]))
LATTICE = f'Lattice="{SIDE} 0 0 0 {SIDE} 0 0 0 {SIDE}"'
SHIBA_NAME = "isoconfig_N60T0.44_1_tc07.npz"


def labelled_arrays() -> dict[str, Any]:
    """A sound labelled npz."""
    rng = np.random.default_rng(1)
    return {
        "types": LIQUID.types,
        "positions": LIQUID.positions,
        "box": LIQUID.box,
        "temperature": 0.5,
        "times": np.array([1.0, 10.0]),
        "propensity": rng.uniform(0.1, 1.0, (2, 60)),
    }


def shiba_arrays() -> dict[str, Any]:
    """A sound file of the Shiba data set, 4 runs."""
    rng = np.random.default_rng(2)
    runs = LIQUID.positions + rng.normal(0, 0.1, (4, 60, 3))
    return {"types": LIQUID.types.astype(np.int8), "initial_positions": LIQUID.positions, "positions": runs}


def glassbench_arrays() -> dict[str, Any]:
    """A sound file of GlassBench."""
    rng = np.random.default_rng(3)
    return {
        "types": LIQUID.types + 1,
        "initial_positions": LIQUID.positions - LIQUID.box / 2,
        "initial_positions_inherent": LIQUID.positions - LIQUID.box / 2 + rng.normal(0, 0.01, (60, 3)),
        "md_prop": rng.uniform(0.1, 1.0, (10, 60)),
        "SE3": rng.uniform(0.1, 1.0, (10, 60)),
    }


def bapst_data() -> dict[str, Any]:
    """A sound pickle of the Bapst data set, 4 runs, 3 times (1/e last, between the others in time)."""
    rng = np.random.default_rng(4)
    targets = [[LIQUID.positions + rng.normal(0, s, (60, 3)) for _ in range(4)] for s in (0.1, 0.4, 0.3)]
    return {
        "positions": LIQUID.positions,
        "types": LIQUID.types,
        "box": LIQUID.box,
        "time": [0.0, 0.1, 1.0, 10.0, 100.0],
        "time_indices": [1, 4, 3],
        "is_values": np.array([0.9, 0.3, np.exp(-1)]),
        "trajectory_target_positions": targets,
        "metadata": {"temperature": 0.44, "pressure": 2.93, "fluid": "Kob Andersen"},
    }


def xyz_lines() -> list[str]:
    """A sound extended XYZ file."""
    side = LIQUID.box[0]
    comment = f'Lattice="{side} 0 0 0 {side} 0 0 0 {side}" Properties=species:S:1:pos:R:3 pbc="T T T"'
    rows = [
        f"{'AB'[kind]} {x:.15f} {y:.15f} {z:.15f}"
        for kind, (x, y, z) in zip(LIQUID.types, LIQUID.positions, strict=True)
    ]
    return ["60", comment, *rows]


def dump_lines() -> list[str]:
    """A sound LAMMPS dump."""
    head = ["ITEM: TIMESTEP", "0", "ITEM: NUMBER OF ATOMS", "60", "ITEM: BOX BOUNDS pp pp pp"]
    box = [f"0 {side}" for side in LIQUID.box]
    atoms = zip(LIQUID.types, LIQUID.positions, strict=True)
    rows = [f"{k + 1} {kind + 1} {x:.15f} {y:.15f} {z:.15f}" for k, (kind, (x, y, z)) in enumerate(atoms)]
    return [*head, *box, "ITEM: ATOMS id type x y z", *rows]


class _RunsCode:
    """What a hostile pickle does: it calls a function while it is read."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.witness),)


def damaged_files(folder: Path) -> dict[str, Path]:
    """Files (in two cases a folder) that must be refused, written to ``folder``, by what is wrong with them.

    The hostile pickle, if it succeeded, would make the folder "witness" in ``folder``.
    """
    files: dict[str, Path] = {}

    def npz(what: str, arrays: dict[str, Any], file_name: str | None = None) -> Path:
        home = folder / what.replace(" ", "_")
        home.mkdir(parents=True)
        files[what] = home / (file_name or f"{home.name}.npz")
        np.savez(files[what], **arrays)
        return files[what]

    def labelled(what: str, **changed: Any) -> None:
        arrays = {key: value for key, value in {**labelled_arrays(), **changed}.items() if value is not None}
        npz(f"npz {what}", arrays)

    def moved(value: float) -> np.ndarray:
        positions = LIQUID.positions.copy()
        positions[7, 1] = value
        return positions

    def written(what: str, suffix: str, content: bytes) -> None:
        files[what] = folder / (what.replace(" ", "_") + suffix)
        files[what].write_bytes(content)

    def text(what: str, suffix: str, lines: list[str], change: Callable[[list[str]], Any]) -> None:
        change(lines)
        written(what, suffix, "".join(f"{line}\n" for line in lines).encode())

    noise = np.random.default_rng(5).bytes(2000)
    for suffix in (".npz", ".pickle", ".h5", ".xyz", ".dump", ".unknown"):
        written(f"empty {suffix[1:]}", suffix, b"")
        written(f"random bytes {suffix[1:]}", suffix, noise)
    files["missing file"] = folder / "nowhere.npz"
    files["folder without configurations"] = folder / "no_configurations"
    files["folder without configurations"].mkdir(parents=True)
    (files["folder without configurations"] / "README.md").write_text("nothing to read here")

    labelled("NaN position", positions=moved(np.nan))
    labelled("infinite position", positions=moved(np.inf))
    labelled("absurd position", positions=moved(1e20))
    labelled("overlapping particles", positions=np.vstack([LIQUID.positions[:-1], LIQUID.positions[:1] + 0.05]))
    labelled("all particles at the origin", positions=np.zeros((60, 3)))
    labelled("flat positions", positions=LIQUID.positions.ravel())
    labelled("two dimensions", positions=LIQUID.positions[:, :2])
    labelled("wrong number of types", types=LIQUID.types[:-1])
    labelled("negative type", types=LIQUID.types - 1)
    labelled("fractional types", types=LIQUID.types + 0.5)
    labelled("absurd type", types=LIQUID.types + 5000)
    labelled("type unknown to the potential", types=LIQUID.types + 1, potential="kob-andersen")
    labelled("half a potential", potential="mixture", sigma=np.ones((2, 2)))
    labelled("positions of text", positions=LIQUID.positions.astype(str).astype("U3") + "x")
    labelled("missing box", box=None)
    labelled("missing types", types=None)
    labelled("negative box", box=-LIQUID.box)
    labelled("tilted box", box=np.diag(LIQUID.box))
    labelled("huge box", box=np.full(3, 1e300))
    labelled("tiny box", box=np.full(3, 1e-6))
    labelled("negative propensity", propensity=-labelled_arrays()["propensity"])
    labelled("propensity of another shape", propensity=labelled_arrays()["propensity"].T)
    labelled("times not ascending", times=np.array([10.0, 1.0]))
    labelled("labels without times", times=None)
    labelled("negative temperature", temperature=-0.5)
    labelled("Python objects", extra=np.array([{"a": 1}], dtype=object))
    labelled("no particles", types=LIQUID.types[:0], positions=LIQUID.positions[:0], propensity=np.zeros((2, 0)))
    sound = npz("npz truncated", labelled_arrays())
    sound.write_bytes(sound.read_bytes()[:-300])
    flipped = npz("npz with flipped bytes", labelled_arrays())
    content = bytearray(flipped.read_bytes())
    content[900:908] = bytes(255 - byte for byte in content[900:908])
    flipped.write_bytes(content)
    npz("npz of nothing known", {"a": np.zeros(3)})

    npz("Shiba number in the name", shiba_arrays(), "isoconfig_N4096T0.44_1_tc07.npz")
    npz("Shiba unknown temperature", shiba_arrays(), "isoconfig_N60T0.45_1_tc07.npz")
    npz("Shiba unknown time", shiba_arrays(), "isoconfig_N60T0.44_1_tc11.npz")
    npz("Shiba without runs", {**shiba_arrays(), "positions": LIQUID.positions}, SHIBA_NAME)
    npz(
        "Shiba NaN in a run",
        {**shiba_arrays(), "positions": shiba_arrays()["positions"] * np.nan},
        SHIBA_NAME,
    )
    disagreeing = npz("Shiba disagreeing files", shiba_arrays(), SHIBA_NAME).parent
    other = {**shiba_arrays(), "initial_positions": LIQUID.positions + 0.01}
    np.savez(disagreeing / SHIBA_NAME.replace("tc07", "tc08"), **other)
    files["Shiba disagreeing files"] = disagreeing

    npz("GlassBench types from 0", {**glassbench_arrays(), "types": LIQUID.types}, "N60T0.44_1.npz")
    npz("GlassBench without temperature", glassbench_arrays(), "configuration.npz")
    npz("GlassBench unknown temperature", glassbench_arrays(), "N60T0.47_1.npz")
    npz("GlassBench nine times", {**glassbench_arrays(), "md_prop": np.ones((9, 60))}, "N60T0.44_1.npz")
    flat = {**glassbench_arrays(), "initial_positions": LIQUID.positions[:, :2]}
    npz("GlassBench two dimensions", flat, "N60T0.44_1.npz")

    def bapst(what: str, **changed: Any) -> bytes:
        data = {key: value for key, value in {**bapst_data(), **changed}.items() if value is not None}
        content = pickle.dumps(data, protocol=3)
        written(f"pickle {what}", ".pickle", content)
        return content

    whole = bapst("that runs code", metadata=_RunsCode(folder / "witness"))
    written("pickle truncated", ".pickle", pickle.dumps(bapst_data(), protocol=3)[: len(whole) // 2])
    bapst("without box", box=None)
    bapst("time index out of range", time_indices=[1, 40, 3])
    bapst(
        "fewer targets than times",
        trajectory_target_positions=bapst_data()["trajectory_target_positions"][:2],
    )
    bapst("times not ascending", time=[0.0, 0.1, 0.05, 10.0, 100.0])
    bapst("runs of other particles", trajectory_target_positions=[[np.zeros((59, 3))] * 4] * 3)
    bapst("text for positions", positions="everywhere")
    bapst("infinite target", targets=np.full((3, 60), np.inf), trajectory_target_positions=None)
    bapst("metadata of another kind", metadata=[1, 2])
    written("pickle of a list", ".pickle", pickle.dumps([1, 2], protocol=3))

    def xyz(what: str, change: Callable[[list[str]], Any]) -> None:
        text(f"xyz {what}", ".xyz", xyz_lines(), change)

    xyz("shorter than announced", lambda lines: lines.pop())
    xyz("longer than announced", lambda lines: lines.append("A 1 1 1"))
    xyz("word for a number", lambda lines: lines.__setitem__(5, "A 1.0 zero 1.0"))
    xyz("NaN position", lambda lines: lines.__setitem__(5, "A 1.0 nan 1.0"))
    xyz("missing column", lambda lines: lines.__setitem__(5, "A 1.0 1.0"))
    xyz("unknown species", lambda lines: lines.__setitem__(5, lines[5].replace("A", "Ni").replace("B", "P")))
    xyz("without Lattice", lambda lines: lines.__setitem__(1, "Properties=species:S:1:pos:R:3"))
    xyz("tilted box", lambda lines: lines.__setitem__(1, 'Lattice="4 0 0 1 4 0 0 0 4"'))
    xyz("open boundary", lambda lines: lines.__setitem__(1, lines[1].replace("T T T", "T T F")))
    xyz("Lattice of six numbers", lambda lines: lines.__setitem__(1, 'Lattice="4 0 0 0 4 0"'))
    xyz("two dimensions", lambda lines: lines.__setitem__(1, lines[1].replace("pos:R:3", "pos:R:2:z:R:1")))
    xyz("bad Properties", lambda lines: lines.__setitem__(1, lines[1].replace("pos:R:3", "pos:R")))
    xyz("zero temperature", lambda lines: lines.__setitem__(1, lines[1] + " temperature=0"))
    xyz("temperature in words", lambda lines: lines.__setitem__(1, lines[1] + " temperature=cold"))

    def dump(what: str, change: Callable[[list[str]], Any]) -> None:
        text(f"dump {what}", ".dump", dump_lines(), change)

    dump("missing column", lambda lines: lines.__setitem__(8, "ITEM: ATOMS id type x y"))
    dump("without positions", lambda lines: lines.__setitem__(8, "ITEM: ATOMS id type vx vy vz"))
    dump("repeated id", lambda lines: lines.__setitem__(12, lines[11]))
    dump("shorter than announced", lambda lines: lines.pop())
    dump("longer than announced", lambda lines: lines.append("61 1 1 1 1"))
    dump("ending in the header", lambda lines: lines.__delitem__(slice(6, None)))
    dump("tilted box", lambda lines: lines.__setitem__(4, "ITEM: BOX BOUNDS xy xz yz pp pp pp"))
    dump("open boundary", lambda lines: lines.__setitem__(4, "ITEM: BOX BOUNDS pp pp ff"))
    dump("inverted box", lambda lines: lines.__setitem__(5, "4 0"))
    dump("without box", lambda lines: lines.__delitem__(slice(4, 8)))
    dump("word for a number", lambda lines: lines.__setitem__(12, "4 1 1.0 zero 1.0"))
    dump("column twice", lambda lines: lines.__setitem__(8, "ITEM: ATOMS id type x y x"))
    dump("other units", lambda lines: lines.__setitem__(slice(0, 0), ["ITEM: UNITS", "real"]))

    def dataset(what: str, change: Callable[[h5py.File], Any], system: System = LIQUID) -> Path:
        files[f"h5 {what}"] = folder / f"h5_{what.replace(' ', '_')}.h5"
        save(system, files[f"h5 {what}"])
        with h5py.File(files[f"h5 {what}"], "r+") as file:
            change(file)
        return files[f"h5 {what}"]

    one = "configurations/000000"
    dataset("of a newer version", lambda file: file.attrs.__setitem__("version", 999))
    dataset("of another format", lambda file: file.attrs.__setitem__("format", "something else"))
    dataset("without format", lambda file: file.attrs.__delitem__("format"))
    dataset("without configurations", lambda file: file.pop(one))
    dataset("without positions", lambda file: file.pop(f"{one}/positions"))
    dataset("without name", lambda file: file[one].attrs.__delitem__("name"))
    dataset("NaN position", lambda file: file[f"{one}/positions"].__setitem__((0, 0), np.nan))
    tripled = np.concatenate([LIQUID.types, LIQUID.types, LIQUID.types])
    dataset(
        "of other types",
        lambda file: (file[one].pop("types"), file[one].create_dataset("types", data=tripled)),
    )
    truncated = dataset("truncated", lambda file: None, replace(LIQUID, name="truncated"))
    truncated.write_bytes(truncated.read_bytes()[:-2000])
    return files


def assert_liquid(system: System, expected: System = LIQUID, digits: float = 1e-6) -> None:
    """The same particles in the same order, up to images."""
    np.testing.assert_allclose(system.box, expected.box, rtol=1e-6)
    np.testing.assert_array_equal(system.types, expected.types)
    np.testing.assert_allclose(
        minimum_image(system.positions - expected.positions, expected.box), 0, atol=digits, err_msg=system.name
    )


def write(path: Path, lines: list[str], end: str = "\n") -> Path:
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode())
    return path


def one(path: Path) -> System:
    """The only configuration, which must load without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (system,) = load(path)
    return system


def xyz(comment: str) -> list[str]:
    lines = xyz_lines()
    return [lines[0], comment, *lines[2:]]
