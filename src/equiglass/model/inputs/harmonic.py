"""Node inputs: the harmonic motion after a time, around the thermal positions or around the inherent structure.

``harmonic_TIME`` is for short times, ``harmonic_inherent_TIME`` for times within the cage.
"""

from __future__ import annotations

from functools import partial
from weakref import WeakKeyDictionary

from equiglass.liquid.arrays import Float
from equiglass.liquid.harmonic import HarmonicMotion, harmonic_motion
from equiglass.liquid.needs import Need
from equiglass.liquid.system import Structure, System
from equiglass.model.inputs import INPUTS, NodeInput

TIMES: dict[Structure, tuple[float, ...]] = {"thermal": (0.03, 0.1, 0.13, 0.165), "inherent": (0.13, 0.52, 1.3)}
"""The times of the inputs, LJ time: the short ones of the public sets, at which motion is harmonic."""

_MOTIONS: dict[Structure, WeakKeyDictionary[System, HarmonicMotion]] = {key: WeakKeyDictionary() for key in TIMES}
"""The motions of the configurations in use; all times of a structure cost little more than the longest one."""


def motion(structure: Structure, time: float, system: System) -> dict[int, Float]:
    """The mean distance, (N, 1), and the mean displacement, (N, 3), LJ length."""
    known, times = _MOTIONS[structure], TIMES[structure]
    if system not in known:
        known[system] = harmonic_motion(system, times, structure)
    k = times.index(time)
    return {0: known[system].distance[k, :, None], 1: known[system].mean[k]}


def _add(structure: Structure, time: float) -> None:
    of_structure: frozenset[Need] = frozenset({"inherent"} if structure == "inherent" else ())
    needs: frozenset[Need] = of_structure | {"potential", "temperature"}
    name = f"harmonic_{time:g}" if structure == "thermal" else f"harmonic_inherent_{time:g}"
    around = {"thermal": "the thermal positions", "inherent": "the inherent structure"}[structure]
    title = f"harmonic motion around {around} after t = {time:g}"
    INPUTS.add(name, NodeInput(name, (0, 1), needs, "σ", title, partial(motion, structure, time)))


for _structure, _times in TIMES.items():
    for _time in _times:
        _add(_structure, _time)
