"""Supply training configurations with everything that a method and its target need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from equiglass.liquid.inherent import quench
from equiglass.liquid.needs import with_potential
from equiglass.liquid.potential import MIXTURES
from equiglass.liquid.system import System
from equiglass.machine import processes
from equiglass.prediction.configuration import MethodConfiguration


def supply(
    systems: Sequence[System],
    configuration: MethodConfiguration,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[System]:
    """The configurations, each with its potential and its inherent structure if these are needed.

    Args:
        systems: the configurations.
        configuration: settings; they define the needs, and the potential of configurations without one.
        progress: called after every quench with (number done, total number, name of the configuration).

    Returns:
        The configurations in the same order.
    """
    needs = configuration.needs
    if "potential" in needs:
        potential = MIXTURES[configuration.potential]
        systems = [with_potential(s, potential) for s in systems]
    if "inherent" not in needs:
        return list(systems)
    warm = [s for s in systems if s.positions_inherent is None]
    quenched = iter(processes.shared(lambda some: quench(some, progress=progress), warm))
    return [s if s.positions_inherent is not None else next(quenched) for s in systems]
