"""Supply training configurations with everything that a method and its target need."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

from equiglass.dynamics.cage import cage
from equiglass.errors import DataError, EquiglassWarning
from equiglass.liquid.ends import ends_of, is_end
from equiglass.liquid.fingerprint import Known
from equiglass.liquid.inherent import quench
from equiglass.liquid.needs import with_potential
from equiglass.liquid.potential import MIXTURES
from equiglass.liquid.system import System
from equiglass.machine import processes
from equiglass.prediction.configuration import LeastSquaresConfiguration, MethodConfiguration


def supply(
    systems: Sequence[System],
    configuration: MethodConfiguration,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[System]:
    """The configurations, each with its potential, inherent structure and cage state if these are needed.

    Args:
        systems: the configurations.
        configuration: settings; they define the needs, and the potential of configurations without one.
        progress: called after every quench and after every cage state with (number done, total number, name of the
            configuration).

    Returns:
        The configurations in the same order.
    """
    needs = configuration.needs
    if "potential" in needs:
        potential = MIXTURES[configuration.potential]
        systems = [with_potential(s, potential) for s in systems]
    if "inherent" in needs:
        warm = [s for s in systems if s.positions_inherent is None]
        quenched = iter(processes.shared(lambda some: quench(some, progress=progress), warm))
        systems = [s if s.positions_inherent is not None else next(quenched) for s in systems]
    if "cage" in needs:
        free = [s for s in systems if s.positions_cage is None]
        made = iter(processes.shared(lambda some: _cages(some, progress), free))
        systems = [s if s.positions_cage is not None else next(made) for s in systems]
    return list(systems)


def _cages(systems: Sequence[System], progress: Callable[[int, int, str], None] | None) -> list[System]:
    def done(number: int, name: str) -> None:
        if progress is not None:
            progress(number, len(systems), name)

    return cage(systems, progress=done)


def with_ends(systems: Sequence[System], configuration: MethodConfiguration) -> list[System]:
    """The configurations, and the ends of their runs if the settings ask for ends. An end is not made a second time.

    Raises:
        DataError: ends are wanted, and no configuration has the displacements of its runs.
    """
    if not isinstance(configuration, LeastSquaresConfiguration) or not configuration.ends:
        return list(systems)
    starts = [system for system in systems if not is_end(system)]
    known = {label for start in starts for label in start.time_labels}
    wanted = None if configuration.times == "all" else [label for label in configuration.times if label in known]
    ends = ends_of(starts, wanted, configuration.ends)
    there = Known.of((system.fingerprint, system) for system in systems if is_end(system))
    new = [end for end in ends if there.find(end.fingerprint) is None]
    if ends and not new:
        return list(systems)
    if starts and not ends:
        raise DataError(
            f"the ends of {configuration.ends} runs per configuration are to be learned, but no configuration has the "
            "displacements of its runs at these times; give such data, or set ends: 0."
        )
    runs = [0 if s.replica_displacements is None else s.replica_displacements.shape[1] for s in starts]
    fewer = sum(number < configuration.ends for number in runs)
    if fewer:
        warnings.warn(
            f"ends is {configuration.ends}, but {fewer} of {len(starts)} configurations have the displacements of "
            f"fewer runs ({min(runs)} at least). All the ends that there are, are learned.",
            EquiglassWarning,
            stacklevel=2,
        )
    return [*systems, *new]


def without_ends(systems: Sequence[System]) -> list[System]:
    """The configurations without the ends of runs, whose labels from one run are too noisy to score against."""
    return [system for system in systems if not is_end(system)]
