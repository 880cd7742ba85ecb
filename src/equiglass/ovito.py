"""The modifier `Propensity` for OVITO Pro and the Python package ovito: the predictions of a model as colours.

    from ovito.io import import_file
    from equiglass.ovito import Propensity
    pipeline = import_file("my.xyz")
    pipeline.modifiers.append(Propensity(model="kalj-T0.44", colour="uncertainty"))

OVITO Pro finds the modifier by the entry point OVITO.Modifier and lists it as "Propensity".
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from equiglass.errors import ConfigurationError, missing

try:
    from ovito.data import DataCollection
    from ovito.modifiers import ColorCodingModifier
    from ovito.pipeline import ModifierInterface
    from traits.api import Enum, Range, Str
except ImportError:
    raise missing("The modifier Propensity", "OVITO", "ovito") from None

from equiglass.figures.field import colour_limits
from equiglass.files.partial import digest
from equiglass.liquid.arrays import Float
from equiglass.liquid.state_points import tau_alpha
from equiglass.liquid.system import System
from equiglass.methods.loading import digest_of, load_model
from equiglass.observables.relaxation import relaxation_times_of_propensity
from equiglass.observables.susceptibility import GLASSBENCH
from equiglass.prediction.model import Model, Prediction

COLOURS = {"propensity": "Propensity", "tau_alpha": "Relaxation Time", "uncertainty": "Propensity Uncertainty"}
"""What may be coloured, with the name of its particle property."""


class Propensity(ModifierInterface):
    """Predict the propensity of every particle, and colour the particles.

    Parameters
    ----------
        model: run folder, folder of run folders, or name of a shipped model.
        time: label of a time of the model; empty for tau_alpha, or else the last time.
        colour: "propensity"; "tau_alpha", the time when the propensity reaches ``distance``; or "uncertainty", the
            standard deviation of the prediction: of its error where the model is calibrated, else of its members.
        distance: for the relaxation time, LJ length.
        species: names of types 0, 1, ... with commas between, such as "Ni,P"; empty for the species rule.

    The modifier writes the particle property ``Propensity`` (LJ length), and ``Relaxation Time`` (LJ time) or
    ``Propensity Uncertainty`` (LJ length) where they are coloured. A relaxation time beyond the last time of the model
    is set to that time. The global attributes ``Propensity.label`` and ``Propensity.time`` state the time.

    Colours range from the percentile 3 to the percentile 97, so that rare extremes do not use them up. A relaxation
    time is coloured by the particle property, not by its logarithm.
    """

    model = Str("kalj-T0.44", label="Model")
    time = Str("", label="Label of the time")
    colour = Enum(*COLOURS, label="Colour by")
    distance = Range(low=0.0, value=GLASSBENCH.threshold, exclude_low=True, label="Distance of relaxation")
    species = Str("", label="Species of types 0, 1, ...")

    def modify(self, data: DataCollection, **kwargs: Any) -> Generator[str, None, None]:
        """Write the properties and the colours; OVITO shows what is yielded as the state of the work."""
        names = [name.strip() for name in self.species.split(",") if name.strip()]
        system = System.from_ovito(data, names or None)
        yield f"{self.model}: predicting {system.n_particles} particles"
        run, of_run = str(self.model), digest_of(self.model)
        model = _model(run, of_run)
        snapshot = _Snapshot(digest(system.positions, system.types, system.box), system)
        prediction = _prediction(run, of_run, snapshot)
        propensity = prediction.propensity
        label = self.time or tau_alpha(list(model.times))
        found = {COLOURS["propensity"]: prediction.at(label)}
        if self.colour == "tau_alpha":
            found[COLOURS["tau_alpha"]] = _relaxation_times(prediction, propensity, self.distance)
        elif self.colour == "uncertainty":
            uncertainty = prediction.uncertainty_at(label)
            if uncertainty is None:
                yield f"{self.model}: predicting with every member"
                uncertainty = _spread(run, of_run, snapshot)[list(model.times).index(label)]
            found[COLOURS["uncertainty"]] = uncertainty
        for name, values in found.items():
            data.particles_.create_property(name, data=values)
        data.attributes["Propensity.label"] = label
        data.attributes["Propensity.time"] = prediction.times[label]
        shown = COLOURS[self.colour]
        low, high = colour_limits(found[shown])
        gradient = ColorCodingModifier.Viridis()
        data.apply(ColorCodingModifier(property=shown, gradient=gradient, start_value=low, end_value=high))


@dataclass(frozen=True)
class _Snapshot:
    """A configuration with the digest by which it is recognised."""

    digest: str
    system: System = field(compare=False)


# OVITO computes anew whenever a parameter changes. Another colour or time of the same frame needs no new prediction.
@lru_cache(maxsize=1)
def _model(run: str, of_run: str) -> Model:
    return load_model(run)


@lru_cache(maxsize=4)
def _prediction(run: str, of_run: str, snapshot: _Snapshot) -> Prediction:
    return _model(run, of_run).predict(snapshot.system)


@lru_cache(maxsize=4)
def _spread(run: str, of_run: str, snapshot: _Snapshot) -> Float:
    return _model(run, of_run).spread(_prediction(run, of_run, snapshot).system)


def _relaxation_times(prediction: Prediction, propensity: Float, distance: float) -> Float:
    times = np.array(list(prediction.times.values()))
    if len(times) < 2:
        raise ConfigurationError(
            f"{prediction.model} predicts one time, {next(iter(prediction.times))!r}; a relaxation time needs a "
            "model of several times. Colour by propensity or uncertainty."
        )
    return np.minimum(relaxation_times_of_propensity(propensity, times, distance), times[-1])
