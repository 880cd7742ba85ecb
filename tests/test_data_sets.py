"""The data sets of our own in the folder data: the files that its README describes, and their physics."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from equiglass.formats import load
from equiglass.liquid.potential import MIXTURES
from equiglass.simulate.checks import check, collect, measure
from equiglass.simulate.protocol import load_protocol

FOLDER = Path(__file__).parents[1] / "data"
ROW = re.compile(r"^\| `(\S+\.h5)` \| (\S+) \| (\d+) \|.*\| `([0-9a-f]{64})` \|$", re.MULTILINE)
DESCENDANTS = "kalj-fs-"
"""The beginning of the names of the sets that `experiments/descendants.py` made from the others."""

SETS = ROW.findall((FOLDER / "README.md").read_text())


def test_every_file_is_described() -> None:
    assert sorted(name for name, *_ in SETS) == sorted(path.name for path in FOLDER.glob("*.h5"))
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 40e6


@pytest.mark.parametrize(("name", "temperature", "configurations", "digest"), SETS)
def test_a_file_is_what_the_readme_says(name: str, temperature: str, configurations: str, digest: str) -> None:
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest
    # Loading a set that failed its checks would warn, and a warning is an error here.
    systems = load(FOLDER / name)
    assert len(systems) == int(configurations)
    assert all(np.isfinite(system.propensity).all() for system in systems if system.propensity is not None)
    assert all(system.positions_inherent is not None for system in systems)
    if name.startswith(DESCENDANTS):
        parents = {system.name: system.fingerprint for system in load(FOLDER / name.replace(DESCENDANTS, "kalj-"))}
        for system in systems:
            assert system.potential == MIXTURES["kob-andersen-force-shifted"]
            assert system.parent == parents[system.provenance["parent"]]
            assert (system.temperature, system.n_particles, system.runs) == (float(temperature), 4096, 16)
            assert system.propensity is not None
            assert system.replica_variance is not None
        return
    protocol = load_protocol(FOLDER / name.replace(".h5", ".yaml"))
    assert protocol.temperature == float(temperature)
    for system in systems:
        assert (system.temperature, system.n_particles, system.runs) == (protocol.temperature, 4096, protocol.runs)
        assert system.provenance["protocol"] == protocol.to_yaml()
        assert system.time_labels == protocol.time_labels
        assert system.propensity is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, *_ in SETS])
def test_no_check_of_the_physics_fails(name: str) -> None:
    """Among them F_s(7.25, t) of A is 0.27 within 25 % of the published tau_alpha, where F_s is stored."""
    checks = {each.name: each.verdict for each in check(collect([measure(system) for system in load(FOLDER / name)]))}
    assert "failed" not in checks.values()
    assert checks["published tau_alpha"] == ("not computed" if name.startswith(DESCENDANTS) else "passed")
