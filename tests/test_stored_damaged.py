"""Model files of every method that are damaged, edited or of a newer version: each is refused in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import equiglass
from equiglass.errors import DataError, EquiglassError
from samples.stored import (
    MODELS,
    STORED,
    WHOLE,
    described,
    last_liquid,
    model_file,
    rewritten,
    skip_without_its_package,
    stored_format,
)


@pytest.fixture(autouse=True)
def _plain_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is compiled for these small networks."""
    monkeypatch.setenv("EQUIGLASS_CONVOLUTION", "reference")


@pytest.mark.parametrize("name", [name for name in MODELS if name.endswith(WHOLE)])
def test_a_model_file_of_the_next_version_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / model_file(STORED / name).name
    equiglass.load_model(STORED / name).save(path)
    _, newest = stored_format(path)
    rewritten(path, path, version=newest + 1)
    with pytest.raises(DataError, match=rf"version {newest + 1}\b.* up to version {newest}\b"):
        equiglass.load_model(tmp_path)


@pytest.mark.parametrize("name", [name for name in MODELS if name.endswith(WHOLE)])
def test_a_description_that_does_not_fit_is_a_sentence(name: str, tmp_path: Path) -> None:
    path = model_file(STORED / name)
    description = described(path)
    data, (label, time) = description["data"], next(iter(equiglass.load_model(STORED / name).times.items()))
    wrongs: list[dict[str, Any]] = [
        {"data": {}},
        {"architecture": {"width": "many", "l_max": "many"}, "settings": {"seed": "none"}},
        *({"data": {**data, "times": times}} for times in (3, [], {label: 3}, {label: ["soon"]})),
        *({"data": {**data, "density": density}} for density in ([], [1.2], ["low", "high"], 1.2)),
        {"data": {**data, "temperatures": "cold"}},
        {"times": {label: "soon"}},
        {"times": {label: [time]}},
    ]
    if "target" in description:
        wrongs += [{"target": target} for target in (None, 3, ["propensity"], "mobility")]
    for wrong in wrongs:
        rewritten(path, tmp_path / path.name, **wrong)
        with pytest.raises(DataError, match=r"its description does not fit .* train the model again"):
            equiglass.load_model(tmp_path)


FEATURES: dict[str, list[tuple[str, Any]]] = {
    "bapst-1": [("architecture.steps", None)],
    "boattini-2": [("settings.descriptors.generations", 0), ("settings.generations", 1), ("settings.nodes", ["force"])],
    "botan-1": [("architecture.steps", None)],
    "cage-1": [("settings.descriptors.generations", 0), ("settings.descriptors.l_max", 1)],
    "glassmlp-1": [("settings.lengths", [0.5]), ("settings.lengths", [0.5, 7.0])],
    "softness-1": [("settings.powers", [2, 3, 5]), ("settings.radial.number", 3)],
}
"""Keys whose change is a change of the features, and another value; None removes the key."""


def test_arrays_of_a_network_that_would_change_its_predictions_are_refused(tmp_path: Path) -> None:
    path = model_file(STORED / "network-7-bb786ac")
    with safe_open(path, framework="pt") as file:
        description = file.metadata()
        tensors = {key: file.get_tensor(key) for key in list(file.keys())}
    variance = next(key for key in tensors if key.endswith("running_var"))
    mean, scale = (next(k for k in tensors if k.startswith("inputs.") and k.endswith(end)) for end in ("mean", "scale"))
    for key, wrong, match in (
        ("network.decoder", tensors["network.decoder"].half(), "precision torch.float16"),
        ("network.decoder", tensors["network.decoder"].bfloat16(), "precision torch.bfloat16"),
        (variance, tensors[variance].long(), "precision torch.int64"),
        (variance, -1 - tensors[variance], "a variance of a batch norm is negative"),
        (mean, torch.full_like(tensors[mean], float("inf")), "no finite numbers"),
        (scale, -1 - tensors[scale], "a scale is negative"),
        ("targets.lowest", torch.full_like(tensors["targets.lowest"], float("inf")), "lowest target is above"),
    ):
        save_file({**tensors, key: wrong}, tmp_path / path.name, description)
        with pytest.raises(DataError, match=match):
            equiglass.load_model(tmp_path)


@pytest.mark.parametrize("name", FEATURES)
def test_a_description_of_other_features_is_refused(name: str, tmp_path: Path) -> None:
    (folder,) = STORED.glob(f"{name}-*")
    for key, value in FEATURES[name]:
        changed = described(model_file(folder))
        *way, last = key.split(".")
        place = changed
        for part in way:
            place = place[part]
        assert place.pop(last) != value
        if value is not None:
            place[last] = value
        rewritten(model_file(folder), tmp_path / model_file(folder).name, **changed)
        with pytest.raises(DataError, match=r"description does not fit .*(features|KeyError)"):
            equiglass.load_model(tmp_path)


@pytest.mark.parametrize("name", [name for name in MODELS if name.endswith(WHOLE)])
def test_a_description_with_fewer_times_than_its_arrays_is_refused(name: str, tmp_path: Path) -> None:
    path = model_file(STORED / name)
    label, time = next(iter(equiglass.load_model(STORED / name).times.items()))
    rewritten(path, tmp_path / path.name, times={label: time, "other": 2 * time, "more": 3 * time})
    with pytest.raises(DataError, match="its description does not fit"):
        equiglass.load_model(tmp_path)


@pytest.mark.parametrize("name", [name for name in MODELS if name.endswith(WHOLE)])
def test_a_model_file_without_an_array_or_with_a_shorter_one_is_refused(name: str, tmp_path: Path) -> None:
    skip_without_its_package(name)
    path, liquid = model_file(STORED / name), last_liquid()
    with safe_open(path, framework="pt") as file:
        description = file.metadata()
        tensors = {key: file.get_tensor(key) for key in list(file.keys())}
    for key, tensor in tensors.items():
        if key.endswith("num_batches_tracked"):
            # A counter of torch, which no prediction needs.
            continue
        others = {other: each for other, each in tensors.items() if other != key}
        shorter = [] if tensor.ndim == 0 or key.startswith("member.") else [{**others, key: tensor[:-1].clone()}]
        for damaged in (others, *shorter):
            save_file(damaged, tmp_path / path.name, description)
            try:
                equiglass.load_model(tmp_path).predict(liquid)
            except EquiglassError:
                continue
            raise AssertionError(f"{name} was read without {key}, or with a shorter one")
