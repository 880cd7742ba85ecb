"""What a simulation loses when something dies or the disk is full: no more than the runs under way, and no number."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from equiglass.dynamics.state import State
from equiglass.dynamics.velocities import maxwell_boltzmann
from equiglass.errors import EquiglassError
from equiglass.formats import load
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.simulate import lammps as lammps_module
from equiglass.simulate import load_protocol, run_protocol
from equiglass.simulate.lammps import constant_temperature, find_lammps
from samples.liquids import random_liquid
from samples.protocols import PARSL, TINY_LONG, short_trajectories

pytestmark = pytest.mark.lammps


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The protocol, and the data set of a simulation that nothing stopped."""
    folder = tmp_path_factory.mktemp("unbroken")
    (folder / "protocol.yaml").write_text(yaml.safe_dump(TINY_LONG))
    simulate(folder, folder)
    return folder


def simulate(unbroken: Path, out: Path, *, resume: bool = False) -> None:
    with short_trajectories():
        run_protocol(load_protocol(str(unbroken / "protocol.yaml")), out / "out", resume=resume, jobs=2)


def arrays(folder: Path) -> list[dict[str, np.ndarray]]:
    with short_trajectories():
        systems = load(folder / "out" / "dataset.h5")
    return [{key: value for key, value in vars(s).items() if isinstance(value, np.ndarray)} for s in systems]


def assert_same(one: Path, other: Path) -> None:
    for a, b in zip(arrays(one), arrays(other), strict=True):
        assert a.keys() == b.keys()
        assert {"positions_inherent", "propensity", "energy_drift"} < a.keys()
        for key, values in a.items():
            np.testing.assert_array_equal(values, b[key])


def no_half_files(out: Path) -> bool:
    return not [path for path in out.rglob("*") if path.name.endswith(".tmp") or path.name.startswith("scratch-")]


def lammps_that(folder: Path, does: str) -> str:
    """A LAMMPS that does something first, in the first of its runs at constant energy, and only once."""
    command, environment = find_lammps()
    program = folder / "lammps.sh"
    program.write_text(
        f"#!/bin/sh\nif grep -q 'all nve' script.in && mkdir {folder}/once 2>/dev/null; then {does}; fi\n"
        f'LD_LIBRARY_PATH={environment.get("LD_LIBRARY_PATH", "")} exec {shlex.join(command)} "$@"\n'
    )
    program.chmod(0o755)
    return str(program)


def test_a_run_that_is_killed(unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its middle, when its first positions are written."""
    dies = "(while ! test -s 0.dump; do sleep 0.01; done; kill -9 $$) & true"
    monkeypatch.setenv("EQUIGLASS_LAMMPS", lammps_that(tmp_path, dies))
    with pytest.raises(EquiglassError, match=r"^LAMMPS was killed \(SIGKILL\); --resume continues"):
        simulate(unbroken, tmp_path)
    runs = list((tmp_path / "out").rglob("run-*.npz"))
    assert len(runs) < 4
    assert no_half_files(tmp_path / "out")
    simulate(unbroken, tmp_path, resume=True)
    assert_same(unbroken, tmp_path)


def test_a_worker_of_parsl_that_is_killed(unbroken: Path, tmp_path: Path) -> None:
    """The parent of the LAMMPS process; the next worker goes on, and Parsl retries nothing here."""
    pytest.importorskip("parsl")
    often = PARSL.replace("address=", "heartbeat_period=1, address=")
    (tmp_path / "local.py").write_text(often.format(folder=str(tmp_path / "parsl")))
    words = [sys.executable, "-m", "equiglass", "simulate", str(unbroken / "protocol.yaml"), "--out", "out"]
    environment = {**os.environ, "EQUIGLASS_LAMMPS": lammps_that(tmp_path, "kill -9 $PPID")}
    done = subprocess.run(
        [*words, "--jobs", "2", "--parsl", "local.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (tmp_path / "once").exists()
    assert done.returncode == 2, done.stderr
    assert "A piece of work was not finished (WorkerLost" in done.stderr
    assert "--resume continues with it" in done.stderr
    assert "Traceback" not in done.stderr
    simulate(unbroken, tmp_path, resume=True)
    assert_same(unbroken, tmp_path)
    assert no_half_files(tmp_path / "out")


@pytest.mark.parametrize("file", ["configuration-0001.restart", "run-0002.npz"])
def test_a_disk_that_is_full(unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    with monkeypatch.context() as full:
        replace = os.replace

        def fails(source: Path, target: Path) -> None:
            if Path(target).name == file:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            replace(source, target)

        full.setattr(os, "replace", fails)
        with pytest.raises(EquiglassError, match=rf"{file}: cannot be written \(No space left on device\)"):
            simulate(unbroken, tmp_path)
    assert not list((tmp_path / "out").rglob(file))
    assert no_half_files(tmp_path / "out")
    simulate(unbroken, tmp_path, resume=True)
    assert_same(unbroken, tmp_path)


def test_half_a_restart_file_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LAMMPS ends well when only the last kilobytes find no room; what it left, no later stretch could read."""
    liquid = random_liquid()
    velocities = maxwell_boltzmann(np.random.default_rng(1), liquid.n_particles, 0.7)
    start = State(liquid.positions, liquid.types, liquid.box, velocities)
    run_lammps = lammps_module.run_lammps

    def runs(script: str, folder: Path) -> None:
        run_lammps(script, folder)
        os.truncate(folder / "end.restart", cut or os.path.getsize(folder / "end.restart"))

    monkeypatch.setattr(lammps_module, "run_lammps", runs)
    cut = 0
    whole = constant_temperature(start, KOB_ANDERSEN, 0.02, (0.7, 0.7), None, 0.001, tmp_path).restart
    cut = len(whole) - 1
    with pytest.raises(EquiglassError, match="an incomplete restart file; is the disk full"):
        constant_temperature(start, KOB_ANDERSEN, 0.02, (0.7, 0.7), None, 0.001, tmp_path)


FULL = """
import os, sys
from pathlib import Path
import equiglass
from equiglass.errors import EquiglassError
from equiglass.formats import load, save
from equiglass.methods.loading import load_model, save_model

folder = Path(sys.argv[1])
data = Path(equiglass.__file__).parent / "experiments" / "data" / "kalj-T0.64.h5"
model, systems = load_model("kalj-T0.44/member-regression"), load(data)[:4]
for write in (lambda: save(systems, folder / "data.h5"), lambda: save_model(model, folder / "model")):
    try:
        write()
    except EquiglassError as error:
        print(error)
    # For the model there is even less room.
    (folder / "other").write_bytes(bytes(280_000))
print([path.name for path in folder.rglob("*") if path.is_file()])
"""


def test_writing_to_a_disk_that_is_full(tmp_path: Path) -> None:
    """A real one, of a namespace of its own, where a user may make one."""
    mount = 'mount -t tmpfs -o size=300k none "$1" && exec "$0" -c "$2" "$1"'
    words = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*words, mount, "true", str(tmp_path)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk of its own can be mounted here")
    done = subprocess.run([*words, mount, sys.executable, str(tmp_path), FULL], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    *sentences, left = done.stdout.splitlines()
    assert len(sentences) == 2
    assert all("cannot be written (No space left on device)." in sentence for sentence in sentences)
    assert left == "['other']"
