"""The verdicts of the physics checks: sound sets pass, and each defect fails the check that looks for it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equiglass.formats import load
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.simulate.checks import check, collect, failures, measure
from samples.liquids import random_liquid
from samples.state_points import TIMES, configuration, verdicts, virial


def test_a_healthy_data_set_passes() -> None:
    checks = verdicts([configuration(k) for k in range(8)], [configuration(k) for k in range(20, 26)])
    assert {name: each.verdict for name, each in checks.items()} == {
        **dict.fromkeys(("energy", "momentum", "temperature", "potential"), "passed"),
        **dict.fromkeys(("equilibration", "ageing", "crystallisation"), "passed"),
        **dict.fromkeys(("g(r)", "relaxation"), "reported"),
        **dict.fromkeys(("published tau_alpha", "agreement"), "passed"),
    }
    assert failures(list(checks.values())) == []
    assert "0.270 at the published tau_alpha, 16.5; it is 0.27 at 16.5, 1.00" in checks["published tau_alpha"].statement


@pytest.mark.parametrize(
    ("name", "change", "statement"),
    [
        ("energy", {"energy_drift": np.array([0, 0, 0, 0.01])}, "shorter timestep"),
        ("momentum", {"momentum": np.full(4, 1e-4)}, "centre of mass"),
        ("temperature", {"run_temperature": np.array([0.64, 0.5, 0.5, 0.5])}, "not in equilibrium"),
        ("equilibration", {"equilibrated": False, "equilibration": ("The energy falls.",)}, "falls. Give"),
        ("crystallisation", {"crystal": 0.1}, "configuration-3 is CRYSTALLISING"),
    ],
)
def test_what_is_wrong_is_found(name: str, change: dict[str, Any], statement: str) -> None:
    everywhere = name == "temperature"
    checks = verdicts([configuration(k, **(change if everywhere or k == 3 else {})) for k in range(8)])
    assert [each.name for each in checks.values() if each.verdict == "failed"] == [name]
    assert statement in checks[name].statement


def test_the_potential_follows_from_the_positions() -> None:
    """The stated potential shows 0.64, force-shifted 0.67, and that of Bapst 0.65; of each set the first is stated."""
    rng = np.random.default_rng(1)
    right = verdicts([configuration(k) for k in range(8)])["potential"]
    assert right.verdict == "passed"
    assert re.search(r"shifted at 2.5 sigma 0.6\d+ \+- \S+ \(consistent", right.statement)
    assert re.search(r"force-shifted at 2.5 sigma 0.6\d+ \+- \S+ \(EXCLUDED, \d\d\.. errors", right.statement)
    other = verdicts([configuration(k, virial=virial(rng, (0.67, 0.64, 0.65))[0]) for k in range(8)])["potential"]
    assert other.verdict == "failed"
    assert "The potential does NOT end as stated." in other.statement
    hot = verdicts([configuration(k, virial=virial(rng, (0.7, 0.7, 0.7), 0.7)[0]) for k in range(8)])["potential"]
    assert hot.verdict == "failed"
    assert "The temperature, the well depths or the diameters are NOT those stated." in hot.statement
    unknown = [configuration(k, temperature=None) for k in range(8)]
    assert verdicts(unknown)["potential"].verdict == "reported"
    alone = verdicts([configuration(0, virial=np.where(np.arange(8) > 0, np.nan, virial(rng, (0.64, 0.6, 0.6))[0]))])
    assert alone["potential"].verdict == "not computed"


def test_a_verdict_does_not_depend_on_words() -> None:
    """The statement of a trajectory is for people; the verdict is a field."""
    odd = "The word NOT in equilibrium."
    assert verdicts([configuration(0, equilibrated=True, equilibration=(odd,))])["equilibration"].verdict == "passed"
    assert verdicts([configuration(0, equilibrated=False, equilibration=())])["equilibration"].verdict == "failed"
    unknown = verdicts([configuration(0, equilibrated=None, equilibration=(odd,))])["equilibration"]
    assert (unknown.verdict, unknown.statement) == ("not computed", odd)


def test_without_relaxation_there_is_no_time_to_compare() -> None:
    flat = [configuration(k, scattering=np.full((4, 2), 0.9)) for k in range(3)]
    assert verdicts(flat)["published tau_alpha"].verdict == "not computed"


@pytest.mark.parametrize(
    ("slower", "verdict"),
    [(1.2, "passed"), (1.55, "passed"), (1.7, "failed"), (0.7, "passed"), (0.55, "failed"), (50, "failed")],
)
def test_the_published_relaxation_time(slower: float, verdict: str) -> None:
    """F is linear in log t here, so that times between and beyond are exact; two errors are a factor 1.3."""
    F = 0.27 - 0.2 * np.log(TIMES / (16.5 * slower))
    checks = verdicts([configuration(k, scattering=np.stack([F, F], axis=1)) for k in range(3)])
    assert checks["published tau_alpha"].verdict == verdict
    if slower < 2:
        assert f"{slower:.2f} of 16.5" in checks["published tau_alpha"].statement


def test_the_relaxation_time() -> None:
    F = math.exp(-1) - 0.1 * np.log(TIMES / 3.21)
    states = [configuration(k, scattering=np.stack([F, F], axis=1)) for k in range(3)]
    assert "tau_alpha = 3.21 " in verdicts(states)["relaxation"].statement
    assert collect(states).time_at(math.exp(-1)).value == pytest.approx(3.21)
    early = [configuration(k, scattering=np.full((4, 2), 0.9)) for k in range(3)]
    assert "does not cross" in verdicts(early)["relaxation"].statement


def test_another_liquid_has_no_published_relaxation_time() -> None:
    assert "published tau_alpha" not in verdicts([configuration(0, density=1.3)])
    assert "published tau_alpha" not in verdicts([configuration(0, temperature=0.7)])


def test_ageing_differs_from_chance() -> None:
    """By chance one set in a hundred ages; one whose energy falls by five standard deviations does."""
    aged = [verdicts([configuration(100 * n + k) for k in range(10)])["ageing"].verdict for n in range(150)]
    assert aged.count("failed") <= 6
    falling = [configuration(k) for k in range(10)]
    falling = [replace(m, inherent_energy=m.inherent_energy - 0.05 * (k >= 5)) for k, m in enumerate(falling)]
    ageing = verdicts(falling)["ageing"]
    assert ageing.verdict == "failed"
    assert "inherent energy" in ageing.statement
    assert verdicts(falling[:3])["ageing"].verdict == "not computed"


def test_agreement_with_another_set() -> None:
    """Only times of the same label and value are compared."""
    here = [configuration(k) for k in range(6)]
    there = [configuration(k, propensity=np.full((4, 2), 0.4) + 0.001 * k) for k in range(30, 34)]
    assert verdicts(here, there)["agreement"].verdict == "failed"
    elsewhere = [replace(m, times=m.times * 1.1) for m in there]
    agreement = verdicts(here, elsewhere)["agreement"]
    assert agreement.verdict == "passed"
    assert "of 2 quantities" in agreement.statement


def test_a_bare_configuration_has_few_verdicts() -> None:
    """Without potential, temperature and labels only its structure is known."""
    bare = replace(random_liquid(n=60), potential=None, temperature=None)
    assert {each.name: each.verdict for each in check(collect([measure(bare)]))} == {
        "energy": "not computed",
        "momentum": "not computed",
        "temperature": "not computed",
        "potential": "not computed",
        "equilibration": "not computed",
        "ageing": "not computed",
        "crystallisation": "passed",
        "g(r)": "reported",
        "relaxation": "not computed",
    }


@pytest.mark.data
@pytest.mark.parametrize("folder", ["ka_T0.64", "ka_T0.56"])
def test_the_independent_sets_pass(data_folder: Path, folder: str) -> None:
    """Of each, two halves of the configurations agree as well."""
    measured = [measure(replace(system, potential=KOB_ANDERSEN)) for system in load(data_folder / folder)[:4]]
    assert failures(check(collect(measured))) == []
    if len(measured) == 4:
        assert verdicts(measured[0::2], measured[1::2])["agreement"].verdict == "passed"
