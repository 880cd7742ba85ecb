"""The report of the physics checks, and how a data set that fails them is marked."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from equiglass.errors import EquiglassWarning
from equiglass.formats import load, save
from equiglass.liquid.system import System
from equiglass.simulate import Ensemble, run_from
from equiglass.simulate.checks import check, collect, measure, write_report
from samples.command import run
from samples.liquids import random_liquid
from samples.state_points import PACKAGE, configuration


@pytest.fixture(scope="module")
def liquids() -> list[System]:
    """Equilibrium configurations of the data set of the package."""
    return load(PACKAGE)[:4]


def test_the_report_of_a_bare_configuration(tmp_path: Path) -> None:
    state = collect([measure(replace(random_liquid(n=60), potential=None, temperature=None))])
    write_report(tmp_path, state, check(state))
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["potential_energy"] == [None]
    assert [each["verdict"] for each in report["checks"][:5]] == ["not computed"] * 5


def test_the_report(tmp_path: Path) -> None:
    state = collect([configuration(k) for k in range(6)])
    checks = check(state)
    files = {path.name for path in write_report(tmp_path, state, checks, {"more": {"x": np.float64(2)}})}
    drawn = {f"report-{name}.png" for name in ("structure", "dynamics", "energies", "conservation")}
    assert files == {"report.json", "report.md"} | (drawn if find_spec("matplotlib") else set())
    assert files == {path.name for path in tmp_path.iterdir()}
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["passed"] is True
    assert report["more"] == {"x": 2.0}
    assert report["self_scattering"]["A"]["7"] == pytest.approx(0.27)
    assert len(report["radial_distribution"]["A-B"]) == len(report["radial_distribution"]["r"]) == 100
    page = (tmp_path / "report.md").read_text()
    assert "No check failed." in page
    assert len(re.findall(r"\| passed +\|", page)) == sum(each.verdict == "passed" for each in checks)


@pytest.mark.lammps
def test_a_data_set_that_fails_is_marked(
    liquids: list[System], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs at T = 2 from configurations of T = 0.64 cool down at once."""
    import h5py

    hot = [replace(system, temperature=2.0) for system in liquids]
    ensemble = Ensemble(runs=2, times=[0.05, 0.3], seed=1)
    with (
        pytest.warns(EquiglassWarning, match="not in equilibrium at this temperature"),
        pytest.warns(EquiglassWarning, match=r"The positions show the temperature 0\.6.*are NOT those stated"),
    ):
        systems = run_from(hot, ensemble, tmp_path / "out", jobs=2)
    assert len(systems[0].failures) == 2
    assert "not in equilibrium" in systems[0].failures[0]
    assert "**FAILED.** The mean kinetic temperature" in (tmp_path / "out" / "report.md").read_text()
    data = tmp_path / "out" / "dataset.h5"
    with h5py.File(data) as file:
        assert "not in equilibrium" in file.attrs["failed"][0]
    with pytest.warns(EquiglassWarning, match=r"dataset\.h5: FAILED its physics checks.*not in equilibrium") as warned:
        marked = load(data)
    assert len(warned) == 1
    assert run("check", data) == 1
    assert "FAILED its physics checks" in capsys.readouterr().err
    # Right again at the right temperature.
    cold = [replace(system, temperature=0.64) for system in marked]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_from(cold, ensemble, tmp_path / "again", jobs=2)
        again = load(tmp_path / "again" / "dataset.h5")
    assert again[0].failures == ()
    assert again[0].equilibrated is True
    save(liquids, tmp_path / "same.h5")
    words = ("--out", tmp_path / "report", "--against", tmp_path / "same.h5")
    assert run("check", tmp_path / "again" / "dataset.h5", *words) == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    verdict = {each["name"]: each["verdict"] for each in report["checks"]}
    assert verdict["agreement"] == verdict["temperature"] == verdict["energy"] == verdict["equilibration"] == "passed"


def test_the_data_set_of_the_package_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", PACKAGE) == 0
    assert run("check", PACKAGE, "--potential", "soft") == 2
    assert "kob-andersen" in capsys.readouterr().err


@pytest.mark.data
@pytest.mark.lammps
@pytest.mark.slow
@pytest.mark.parametrize(
    ("configurations", "expected", "within"), [(10, {"1": 0.103, "2": 0.159}, 0.02), (3, {"3": 0.164}, 0.05)]
)
def test_short_times_of_the_real_configurations(
    data_folder: Path, tmp_path: Path, configurations: int, expected: dict[str, float], within: float
) -> None:
    """Mean propensity of A after 0.13, 1.3 and 13: 0.103, 0.159 and 0.164 (LAMMPS, NVE, timestep 0.005).

    From one configuration to the next it differs by 2 % at 1.3; few of them run to 13.
    """
    given = load(data_folder / "shiba_T0.44_train", replicas=False)[:configurations]
    # Inherent structures are not needed.
    given = [replace(system, positions_inherent=system.positions) for system in given]
    times = {"1": 0.13, "2": 1.3, "3": 13.0}
    ensemble = Ensemble(runs=2, times={label: times[label] for label in expected}, seed=44)
    run_from(given, ensemble, tmp_path / "out", jobs=2)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["passed"] is True
    assert report["mean_propensity"]["A"] == pytest.approx(expected, rel=within)
