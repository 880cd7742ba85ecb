"""A small sound file of every format, to be damaged."""

from __future__ import annotations

import gzip
import io
import lzma
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from equiglass.formats import save
from equiglass.formats.xyz import origin_of_predictions, write_xyz
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.system import System
from samples.liquids import random_liquid

LIQUID = random_liquid(n=120, seed=4)


def labelled() -> System:
    """A configuration with what every format can hold."""
    rng = np.random.default_rng(7)
    return replace(
        LIQUID,
        name="liquid",
        potential=KOB_ANDERSEN,
        positions_inherent=LIQUID.positions + rng.normal(0, 0.02, (120, 3)),
        time_labels=("1", "7"),
        times=[0.1, 16.5],
        propensity=rng.uniform(0.1, 1.0, (2, 120)),
        ids=rng.permutation(1000)[:120],
        origin=[-1.5, 2.0, 0.25],
        timestep=5000,
    )


def arrays_of_npz() -> dict[str, Any]:
    system = labelled()
    keys = ("types", "positions", "box", "positions_inherent", "times", "propensity", "ids", "origin")
    held = {key: np.array(getattr(system, key)) for key in keys}
    halves = np.stack([held["propensity"], held["propensity"]])
    return held | {"temperature": 0.5, "potential": "kob-andersen", "propensity_halves": halves, "runs": 4}


def arrays_of_shiba() -> dict[str, Any]:
    runs = LIQUID.positions + np.random.default_rng(2).normal(0, 0.1, (4, 120, 3))
    return {"types": LIQUID.types.astype(np.int8), "initial_positions": np.array(LIQUID.positions), "positions": runs}


def arrays_of_glassbench() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    return {
        "types": LIQUID.types + 1,
        "initial_positions": LIQUID.positions - LIQUID.box / 2,
        "initial_positions_inherent": LIQUID.positions - LIQUID.box / 2 + rng.normal(0, 0.01, (120, 3)),
        "md_prop": rng.uniform(0.1, 1.0, (10, 120)),
        "SE3": rng.uniform(0.1, 1.0, (10, 120)),
    }


def contents_of_bapst() -> dict[str, Any]:
    rng = np.random.default_rng(4)
    targets = [[LIQUID.positions + rng.normal(0, s, (120, 3)) for _ in range(4)] for s in (0.1, 0.4, 0.3)]
    return {
        "positions": np.array(LIQUID.positions),
        "types": np.array(LIQUID.types),
        "box": np.array(LIQUID.box),
        "time": np.array([0.0, 0.1, 1.0, 10.0, 100.0]),
        "time_indices": np.array([1, 4, 3]),
        "is_values": np.array([0.9, 0.3, np.exp(-1)]),
        "trajectory_target_positions": np.array(targets),
        "metadata": {"temperature": 0.44, "pressure": 2.93, "fluid": "Kob Andersen"},
    }


def arrays_of_eqnet() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    return {
        "types": np.array(LIQUID.types),
        "positions": np.array(LIQUID.positions),
        "positions_IS": LIQUID.positions + rng.normal(0, 0.02, (120, 3)),
        "box": np.array(LIQUID.box),
        "times": np.array([0.5, 20.0]),
        "trajectory_target_positions": LIQUID.positions + rng.normal(0, 0.1, (2, 4, 120, 3)),
    }


def npz(arrays: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def dumped(folder: Path) -> bytes:
    system = labelled()
    lines = []
    for step in (5000, 6000):
        bounds = [
            f"{low!r} {low + side!r}" for low, side in zip(system.origin.tolist(), system.box.tolist(), strict=True)
        ]
        head = ["ITEM: TIMESTEP", str(step), "ITEM: NUMBER OF ATOMS", "120", "ITEM: BOX BOUNDS pp pp pp", *bounds]
        places = (system.positions + system.origin).tolist()
        rows = [
            f"{number} {kind + 1} {x:.8f} {y:.8f} {z:.8f}"
            for number, kind, (x, y, z) in zip(system.ids, system.types, places, strict=True)
        ]
        lines += [*head, "ITEM: ATOMS id type x y z", *rows]
    return "".join(f"{line}\n" for line in lines).encode()


def rumd(folder: Path) -> bytes:
    system, text = labelled(), ""
    for step in (0, 400):
        box = ",".join(map(repr, system.box.tolist()))
        text += f"120\nioformat=2 timeStepIndex={step} sim_box=RectangularSimulationBox,{box} mass=1,1"
        text += " columns=type,x,y,z,imx,imy,imz\n"
        for kind, (x, y, z) in zip(system.types, (system.positions - system.box / 2).tolist(), strict=True):
            text += f"{kind} {x:.8f} {y:.8f} {z:.8f} 0 1 -1\n"
    return text.encode()


def lammps_data(folder: Path) -> bytes:
    system = labelled()
    sides = zip("xyz", system.origin.tolist(), (system.origin + system.box).tolist(), strict=True)
    box = "".join(f"{low!r} {high!r} {axis}lo {axis}hi\n" for axis, low, high in sides)
    rows = zip(system.ids, system.types, (system.positions + system.origin).tolist(), strict=True)
    atoms = "".join(f"{number} {kind + 1} {x:.8f} {y:.8f} {z:.8f} 0 1 -1\n" for number, kind, (x, y, z) in rows)
    title = "LAMMPS data file via write_data, version 29 Aug 2024, timestep = 700, units = lj"
    text = f"{title}\n\n120 atoms\n2 atom types\n\n{box}\nMasses\n\n1 1\n2 1\n\nAtoms # atomic\n\n{atoms}"
    velocities = "".join(f"{number} 0.5 -0.5 0\n" for number in system.ids)
    return f"{text}\nVelocities\n\n{velocities}".encode()


def gsd_file(folder: Path) -> bytes:
    hoomd = pytest.importorskip("gsd.hoomd")
    with hoomd.open(str(folder / "sound.gsd"), "w") as trajectory:
        # One frame, because later frames share what they have in common with the first.
        frame = hoomd.Frame()
        frame.configuration.step = 100
        frame.configuration.box = [*LIQUID.box, 0, 0, 0]
        frame.particles.N = LIQUID.n_particles
        frame.particles.types = ["A", "B"]
        frame.particles.typeid = LIQUID.types
        frame.particles.position = LIQUID.positions - LIQUID.box / 2
        frame.particles.image = np.arange(360).reshape(120, 3) % 5 - 2
        trajectory.append(frame)
    return (folder / "sound.gsd").read_bytes()


def gamdpy(folder: Path) -> bytes:
    with h5py.File(folder / "sound.h5", "w") as file:
        start = file.create_group("initial_configuration")
        start["ptype"] = np.asarray(LIQUID.types, np.int32)
        start.attrs["simbox_data"] = np.asarray(LIQUID.box, np.float32)
        trajectory = file.create_group("trajectory")
        trajectory.attrs["steps_per_timeblock"] = 8
        trajectory["steps"] = np.array([0, 4, 8])
        positions = LIQUID.positions - LIQUID.box / 2
        moves = np.random.default_rng(6).normal(0, 0.02, (2, 3, 120, 3))
        trajectory["positions"] = np.asarray(positions + moves, np.float32)
        trajectory["images"] = np.broadcast_to(np.array([0, 1, -1], np.int32), (2, 3, 120, 3))
        file.attrs["dt"] = 0.005
    return (folder / "sound.h5").read_bytes()


def saved(suffix: str) -> Callable[[Path], bytes]:
    def content(folder: Path) -> bytes:
        save([labelled(), replace(labelled(), name="second")], folder / f"a{suffix}")
        return (folder / f"a{suffix}").read_bytes()

    return content


def predicted(folder: Path) -> bytes:
    columns = {"propensity_1": np.linspace(0.1, 1, 120), "propensity_7": np.linspace(1, 2, 120)}
    write_xyz(folder / "p.xyz", [(labelled(), columns, origin_of_predictions("a model", {"1": 0.1, "7": 16.5}))])
    return (folder / "p.xyz").read_bytes()


def archive(folder: Path) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for k in (1, 2):
            content = npz(arrays_of_glassbench())
            member = tarfile.TarInfo(f"T0.44/train/N120T0.44_{k}.npz")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@dataclass(frozen=True)
class Sample:
    """A sound file: its format, its name, its content, and whether the format has check sums."""

    format: str
    name: str
    content: Callable[[Path], bytes]
    sums: bool = False
    arrays: Callable[[], dict[str, Any]] | None = None
    pack: Callable[[dict[str, Any]], bytes] = npz


def pickled(contents: dict[str, Any]) -> bytes:
    return pickle.dumps(contents, protocol=3)


SAMPLES = {
    "xyz": Sample("xyz", "a.xyz", saved(".xyz")),
    "predictions": Sample("xyz", "p.xyz", predicted),
    "dump": Sample("lammps", "a.dump", dumped),
    "dump.gz": Sample("lammps", "a.dump.gz", lambda folder: gzip.compress(dumped(folder)), sums=True),
    "xyz.xz": Sample("xyz", "a.xyz.xz", lambda folder: lzma.compress(saved(".xyz")(folder)), sums=True),
    "tar.gz": Sample("glassbench", "T0.44.tar.gz", archive, sums=True),
    "data set": Sample("dataset", "a.h5", saved(".h5"), sums=True),
    "labelled": Sample("labelled", "a.npz", lambda _: npz(arrays_of_npz()), True, arrays_of_npz),
    "shiba": Sample("shiba", "isoconfig_N120T0.44_1_tc07.npz", lambda _: npz(arrays_of_shiba()), True, arrays_of_shiba),
    "glassbench": Sample(
        "glassbench", "N120T0.44_1.npz", lambda _: npz(arrays_of_glassbench()), True, arrays_of_glassbench
    ),
    "eqnet": Sample("eqnet", "a.npz", lambda _: npz(arrays_of_eqnet()), True, arrays_of_eqnet),
    "rumd": Sample("rumd", "a.xyz", rumd),
    "lammps data": Sample("lammps-data", "a.data", lammps_data),
    "gsd": Sample("gsd", "a.gsd", gsd_file),
    "gamdpy": Sample("gamdpy", "a.h5", gamdpy),
    "bapst": Sample("bapst", "a.pickle", lambda _: pickled(contents_of_bapst()), False, contents_of_bapst, pickled),
}
