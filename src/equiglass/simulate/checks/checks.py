"""The checks of a data set. Each has a verdict and a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.arrays import Float
from equiglass.liquid.potential import KOB_ANDERSEN, KOB_ANDERSEN_FORCE_SHIFTED
from equiglass.liquid.state_points import (
    DENSITY,
    F_AT_TAU_ALPHA,
    F_AT_TAU_ALPHA_ERROR,
    SHARE_OF_A,
    TAU_ALPHA_BY_TEMPERATURE,
)
from equiglass.liquid.system import type_name
from equiglass.observables import Estimate, known_mean
from equiglass.simulate.checks.measurement import StatePoint, radii

LARGEST_DRIFT = 0.01
"""The largest allowed drift of the total energy per particle in a run, in units of the temperature."""

LARGEST_MOMENTUM = 1e-5
"""The largest allowed momentum per particle in a run, in units of the square root of the temperature.

The rounding of single precision gives 6e-8 after t = 20 at T = 0.64, and grows as the square root of the time. Maxwell
velocities from which the momentum is not removed have 1e-2 for 4096 particles.
"""

LARGEST_DEVIATION = 4.0
"""The largest allowed deviation of a temperature from the stated one, in standard errors.

Of the kinetic temperature of the runs this error is sqrt(2 / (3 N)) T.
"""

STEP_ERROR = 0.005
"""The further deviation of the temperature that the finite time step may cause, in units of the temperature."""

CRYSTALLINE = 0.05
"""The share of crystal-like particles above which a configuration is crystallising."""

SIGNIFICANCE = 0.01
"""The significance level of the difference between two sets of configurations.

It is divided by the number of compared quantities (Bonferroni).
"""

PUBLISHED_WITHIN = 0.25
"""The largest allowed relative distance between the published tau_alpha and the time where F_s is F_AT_TAU_ALPHA.

This value of F_s has an uncertainty of two standard errors.
"""

Verdict = Literal["passed", "failed", "reported", "not computed"]


class Check(NamedTuple):
    """The result of one check.

    Attributes:
        name: name of the check, one or two words.
        verdict: "passed" or "failed"; "reported" if there is no criterion; "not computed" if the data do not suffice.
        statement: finding, or the reason why there is none.
    """

    name: str
    verdict: Verdict
    statement: str


def check(state: StatePoint, against: StatePoint | None = None) -> list[Check]:
    """The results of all checks of a data set, including its agreement with another set of the same state point.

    Args:
        state: measured quantities, from `collect`.
        against: measured quantities of another set, or None.
    """
    checks = [
        _energy(state),
        _momentum(state),
        _temperature(state),
        _potential(state),
        _equilibration(state),
        _ageing(state),
        _crystallisation(state),
        _structure(state),
        _relaxation(state),
    ]
    published = _published(state)
    if published is not None:
        checks.append(published)
    if against is not None:
        checks.append(_agreement(state, against))
    return checks


def failures(checks: Sequence[Check]) -> list[str]:
    """The statements of the checks that failed."""
    return [each.statement for each in checks if each.verdict == "failed"]


def _energy(state: StatePoint) -> Check:
    if state.temperature is None or np.all(np.isnan(state.energy_drift)):
        return Check("energy", "not computed", "The data set does not contain the total energy of the runs.")
    drift = float(np.nanmax(state.energy_drift)) / state.temperature
    statement = (
        f"The total energy per particle drifts by up to {drift:.2g} of the temperature in the constant-energy runs"
    )
    if drift <= LARGEST_DRIFT:
        return Check("energy", "passed", f"{statement}.")
    return Check("energy", "failed", f"{statement}, more than {LARGEST_DRIFT:g}; use a shorter timestep.")


def _momentum(state: StatePoint) -> Check:
    if state.temperature is None or np.all(np.isnan(state.momentum)):
        return Check("momentum", "not computed", "The data set does not contain the momentum of the runs.")
    momentum = float(np.nanmax(state.momentum)) / state.temperature**0.5
    verdict: Verdict = "passed" if momentum <= LARGEST_MOMENTUM else "failed"
    statement = f"The centre of mass moves with up to {momentum:.2g} of the thermal velocity in the runs"
    return Check(
        "momentum", verdict, f"{statement}." if verdict == "passed" else f"{statement}, more than {LARGEST_MOMENTUM:g}."
    )


def _temperature(state: StatePoint) -> Check:
    """In equilibrium, the velocities are drawn at T and exchange no heat with the positions on average."""
    if state.temperature is None or np.all(np.isnan(state.run_temperature)):
        return Check("temperature", "not computed", "The data set does not contain the temperature of the runs.")
    ratio = known_mean(state.run_temperature) / state.temperature
    worst = float(ratio[np.nanargmax(np.abs(ratio - 1))])
    allowed = STEP_ERROR + LARGEST_DEVIATION * np.sqrt(2 / (3 * state.counts.sum() * len(state.energy)))
    statement = (
        f"The mean kinetic temperature of the runs, {state.temperature:g} at the start, is {worst:.4f} times this "
        "value at worst"
    )
    if abs(worst - 1) <= allowed:
        return Check("temperature", "passed", f"{statement}; a deviation up to {allowed:.2g} may be chance.")
    return Check(
        "temperature",
        "failed",
        f"{statement}, more than {allowed:.2g} off: the configurations are not in equilibrium at this temperature.",
    )


def _potential(state: StatePoint) -> Check:
    """Whether the positions agree with the temperature and with the end of the potential."""
    name, found = "potential", state.configurational_temperatures()
    if not found:
        return Check(name, "not computed", "The potential is unknown; name it with --potential.")
    own, *others = found["cutoff"]
    contact = found["contact"][own]
    if np.isnan(contact.error) or np.isnan(found["cutoff"][own].error):
        return Check(name, "not computed", "The configurational temperature needs more particles or configurations.")
    known = state.temperature is not None
    T = float(contact.value) if state.temperature is None else state.temperature

    def fits(measured: Estimate) -> bool:
        """Whether chance, or the time step, explains the deviation from T."""
        return abs(float(measured.value) - T) <= max(STEP_ERROR * T, LARGEST_DEVIATION * float(measured.error))

    def errors(measured: Estimate) -> str:
        return f"{abs(measured.value - T) / measured.error:.1f} errors"

    statement = f"The positions show the temperature {contact.value:.4f} +- {contact.error:.2g} near contact"
    statement += f", {errors(contact)} from {T:g}" if known else ""
    near_cutoff = found["cutoff"]
    ends = (
        f"{each.ending} {of.value:.4f} +- {of.error:.2g} ({'consistent' if fits(of) else 'EXCLUDED'}, {errors(of)})"
        for each, of in near_cutoff.items()
    )
    statement += f"; near the cutoff, if the potential is {'; '.join(ends)}."
    if not fits(contact):
        statement += " The temperature, the well depths or the diameters are NOT those stated."
    elif not fits(near_cutoff[own]):
        statement += " The potential does NOT end as stated."
    elif any(fits(near_cutoff[each]) for each in others):
        statement += " More configurations, or the displacements of the runs, would decide between those consistent."
    if fits(contact) and fits(near_cutoff[own]):
        return Check(name, "passed" if known else "reported", statement)
    return Check(name, "failed", statement)


def _equilibration(state: StatePoint) -> Check:
    statement = " ".join(state.equilibration)
    if state.equilibrated is None:
        return Check("equilibration", "not computed", statement or "The data set does not describe its trajectory.")
    if not state.equilibrated:
        statement = statement or "The trajectory of the configurations is NOT in equilibrium."
        return Check("equilibration", "failed", f"{statement} Give the equilibration more time.")
    return Check("equilibration", "passed", statement or "The trajectory of the configurations is in equilibrium.")


def _ageing(state: StatePoint) -> Check:
    half = len(state.energy) // 2
    if half < 2:
        return Check("ageing", "not computed", f"Two halves need four configurations; there are {len(state.energy)}.")
    # The propensities at the last time are the most sensitive. Fewer quantities reveal a smaller drift.
    values = _at_times(state, np.arange(len(state.times)) == len(state.times) - 1)
    verdict, statement = _compared({k: v[:half] for k, v in values.items()}, {k: v[-half:] for k, v in values.items()})
    statement = f"Between the first and the second half of the configurations {statement}"
    return Check("ageing", verdict, f"{statement} The liquid ages." if verdict == "failed" else statement)


def _agreement(state: StatePoint, against: StatePoint) -> Check:
    same = np.isclose(
        [against.times[against.labels.index(label)] if label in against.labels else np.nan for label in state.labels],
        state.times,
        rtol=1e-6,
    )
    verdict, statement = _compared(_at_times(state, same), against.energies_and_propensities())
    return Check("agreement", verdict, f"Between this and the other data set {statement}")


def _at_times(state: StatePoint, chosen: NDArray[np.bool_]) -> dict[str, Float]:
    """The energies, and the propensities at the chosen times."""
    labels = tuple(label for label, use in zip(state.labels, chosen, strict=True) if use)
    return replace(state, labels=labels, propensity=state.propensity[:, chosen]).energies_and_propensities()


def _compared(first: Mapping[str, Float], second: Mapping[str, Float]) -> tuple[Verdict, str]:
    """The verdict and the sentence on the largest difference, by Welch's t, among the quantities of both sets."""
    from scipy.stats import t as student

    found: dict[str, tuple[float, float, float, float]] = {}
    for quantity in first.keys() & second.keys():
        x, y = (values[~np.isnan(values)] for values in (first[quantity], second[quantity]))
        if min(len(x), len(y)) < 2:
            continue
        vx, vy = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
        if vx + vy > 0:
            freedom = (vx + vy) ** 2 / (vx**2 / (len(x) - 1) + vy**2 / (len(y) - 1))
            difference = abs(x.mean() - y.mean()) / np.sqrt(vx + vy)
            found[quantity] = (2 * student.sf(difference, freedom), difference, x.mean(), y.mean())
    if not found:
        return "not computed", "there is no quantity to compare."
    worst = min(sorted(found), key=lambda quantity: found[quantity][0])
    chance, difference, x_mean, y_mean = found[worst]
    significant = chance < SIGNIFICANCE / len(found)
    statement = (
        f"the {worst} differs most of {len(found)} quantities, {x_mean:.5g} and {y_mean:.5g}, {difference:.1f} "
        f"standard errors apart: {'more than' if significant else 'as'} chance allows."
    )
    return ("failed" if significant else "passed"), statement


def _crystallisation(state: StatePoint) -> Check:
    if np.all(np.isnan(state.crystal)):
        return Check("crystallisation", "not computed", "Crystalline order needs more particles.")
    worst = int(np.nanargmax(state.crystal))
    statement = (
        f"On average, {float(known_mean(state.crystal)):.2%} of the particles are crystal-like; "
        f"{state.crystal[worst]:.2%} at most (7 of 12 neighbours with q6 . q6 > 0.7)"
    )
    if state.crystal[worst] <= CRYSTALLINE:
        return Check("crystallisation", "passed", f"{statement}.")
    return Check("crystallisation", "failed", f"{statement}: {state.names[worst]} is CRYSTALLISING.")


def _structure(state: StatePoint) -> Check:
    radial = known_mean(state.radial)
    if not radial.size:
        return Check("g(r)", "not computed", "A type is absent, or the box too small.")
    peaks = []
    for a, b in combinations_with_replacement(range(len(radial)), 2):
        highest = int(np.argmax(radial[a, b]))
        pair = f"{type_name(a)}-{type_name(b)}"
        peaks.append(f"{pair} {radial[a, b, highest]:.2f} at {radii(state)[highest]:.2f}")
    return Check("g(r)", "reported", f"The highest peaks: {', '.join(peaks)}.")


def _relaxation(state: StatePoint) -> Check:
    """The relaxation time tau_alpha, when F_s(7.25, t) of A, the mean over configurations, falls to 1/e."""
    name, F = "relaxation", known_mean(state.scattering[:, :, 0])
    if np.all(np.isnan(F)):
        return Check(
            name, "not computed", "F_s needs the displacements of every run, or must be stored in the data set."
        )
    time, error = state.time_at(np.exp(-1))
    if np.isnan(time):
        last = int(np.flatnonzero(~np.isnan(F))[-1])
        statement = (
            f"F_s(7.25, t) of A does not cross 1/e between the times; it is {F[last]:.3f} at {state.times[last]:g}."
        )
        return Check(name, "reported", statement)
    bar = "" if np.isnan(error) else f" +- {error:.2g}"
    statement = f"F_s(7.25, t) of A falls to 1/e at tau_alpha = {time:.4g}{bar}, linear in log t between the times."
    return Check(name, "reported", statement)


def _published(state: StatePoint) -> Check | None:
    """F_s at the published tau_alpha, and the time where F_s is 0.27, for the state points of GlassBench."""
    shares = state.counts / state.counts.sum()
    is_known = (
        state.temperature in TAU_ALPHA_BY_TEMPERATURE
        and state.potential in (KOB_ANDERSEN, KOB_ANDERSEN_FORCE_SHIFTED)
        and abs(state.density.mean() - DENSITY) < 0.005
        and abs(shares[0] - SHARE_OF_A) < 0.01
    )
    if not is_known or state.temperature is None:
        return None
    name, published = "published tau_alpha", TAU_ALPHA_BY_TEMPERATURE[state.temperature]
    F = known_mean(state.scattering[:, :, 0])
    known = ~np.isnan(F)
    times, F = state.times[known], F[known]
    at = np.flatnonzero(np.isclose(times, published, rtol=1e-3))
    statement = f"F_s(7.25, t) of A is {F[at[0]]:.3f} at the published tau_alpha, {published:g}" if at.size else ""
    time = _time_where(times, F, F_AT_TAU_ALPHA)
    if np.isnan(time) or (time > (1 + 2 * PUBLISHED_WITHIN) * times[-1] and times[-1] < 0.999 * published):
        return Check(
            name, "not computed", f"{statement or 'F_s is not known there'}; the times do not show where it is 0.27."
        )
    statement = f"{statement}; it" if statement else "F_s(7.25, t) of A"
    statement += f" is {F_AT_TAU_ALPHA} at {time:.3g}, {time / published:.2f} of {published:g}"
    early, late = (_time_where(times, F, F_AT_TAU_ALPHA + sign * 2 * F_AT_TAU_ALPHA_ERROR) for sign in (1, -1))
    # If F_s does not reach one of these values, fmin and fmax return ``time``.
    nearest = min(max(published, np.fmin(early, time)), np.fmax(late, time))
    ratio = nearest / published
    statement += (
        f". {F_AT_TAU_ALPHA} has the error {F_AT_TAU_ALPHA_ERROR}; within twice the error the ratio is {ratio:.2f}."
    )
    return Check(name, "passed" if abs(ratio - 1) <= PUBLISHED_WITHIN else "failed", statement)


def _time_where(times: Float, F: Float, value: float) -> float:
    """The time where F_s has a value. F_s is linear in log t, and extrapolated beyond the last time."""
    if len(times) < 2 or F[0] <= value:
        return float("nan")
    below = np.flatnonzero(value >= F)
    after = int(below[0]) if below.size else len(F) - 1
    slope = (F[after] - F[after - 1]) / np.log(times[after] / times[after - 1])
    if slope >= 0:
        return float("nan")
    return float(times[after] * np.exp(min((value - F[after]) / slope, 700)))
