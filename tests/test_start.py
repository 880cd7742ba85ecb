"""A training that starts from the weights of another model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from equiglass.errors import ConfigurationError, EquiglassError
from equiglass.methods.loading import PRETRAINED, load_model, load_predictor, read_configuration
from equiglass.methods.network.configuration import Configuration
from equiglass.methods.network.predictor import NetworkPredictor
from equiglass.methods.network.start import Weights, take_weights
from equiglass.model.architecture import Architecture
from equiglass.model.inputs.choice import Inputs
from equiglass.model.inputs.compute import compute
from equiglass.model.inputs.graph import input_graph
from equiglass.model.inputs.standardisation import fit as fit_inputs
from equiglass.model.network import Network
from equiglass.training import train
from samples.labelled import labelled_liquid

TINY = ["architecture.l_max=1", "architecture.layers=2", "architecture.channels=2", "epochs=2", "folds=3"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("start") / "first"
    train([labelled_liquid(seed) for seed in range(3)], run, read_configuration(None, [*TINY, "times=['1']"]))
    return run


def predictor(run: Path) -> NetworkPredictor:
    loaded = load_predictor(run / "last.safetensors")
    assert isinstance(loaded, NetworkPredictor)
    return loaded


def test_weights_and_the_read_out_of_common_labels_are_taken(trained: Path, tmp_path: Path) -> None:
    systems = [labelled_liquid(seed) for seed in range(3)]
    train(systems, tmp_path / "new", read_configuration(None, [*TINY, "times=all", "seed=2"]))
    old, new = predictor(trained), predictor(tmp_path / "new")
    assert list(old.times) == ["1"]
    before = new.network.decoder.detach().clone()
    take_weights(*(Weights(each.network, each.inputs, tuple(each.times)) for each in (new, old)), name="old")
    for name, value in new.network.state_dict().items():
        if name != "decoder":
            assert torch.equal(value, old.network.state_dict()[name])
    assert torch.equal(new.network.decoder[:, 0], old.network.decoder[:, 0])
    assert torch.equal(new.network.decoder[:, 1:], before[:, 1:])


def test_a_training_at_a_tiny_rate_stays_where_it_started(trained: Path, tmp_path: Path) -> None:
    systems = [labelled_liquid(seed) for seed in range(3)]
    settings = [*TINY, "times=['1']", "learning_rate=1e-12", "epochs=1", f"start={trained}", "seed=5"]
    train(systems, tmp_path / "new", read_configuration(None, settings))
    old, new = predictor(trained).network, predictor(tmp_path / "new").network
    for one, other in zip(old.parameters(), new.parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("fewer", "more"),
    [
        ([], ["force", "energy_thermal"]),
        (["energy_thermal"], ["displacement_inherent", "energy_thermal", "local_hessian"]),
        (["force"], ["local_hessian", "displacement_inherent", "force"]),
    ],
)
def test_further_node_inputs_begin_without_effect(fewer: list[str], more: list[str]) -> None:
    """The network begins as the old one, whatever the further inputs are, and learns from them at once."""
    architecture = Architecture(l_max=2, layers=3, channels=2, update=4, dropout=0)
    liquid = labelled_liquid(0)
    made = {}
    for seed, nodes in enumerate((fewer, more)):
        torch.manual_seed(seed)
        inputs = Inputs(nodes=tuple(nodes))
        made[seed] = Weights(Network(architecture, inputs.channels(2), 2, 1), inputs, ("7",)), compute(liquid, inputs)
    (old, fewer_computed), (new, more_computed) = made[0], made[1]
    standardisation = fit_inputs([{**fewer_computed, **more_computed}], [liquid.types], 2)
    take_weights(new, old, "old")
    graphs = [
        input_graph(liquid, weights.inputs, computed, standardisation, 2.0, 2)
        for weights, computed in ((old, fewer_computed), (new, more_computed))
    ]
    old.network.eval()
    new.network.eval()
    with torch.no_grad():
        torch.testing.assert_close(new.network(graphs[1]), old.network(graphs[0]))
    new.network(graphs[1]).square().sum().backward()
    for own, before in zip(new.network.own, [len(x) for x in old.network.own] or [2], strict=False):
        assert own.grad is not None
        assert bool((own.grad[before:] != 0).any())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["start=nowhere"], "nowhere is neither a model file nor a run folder"),
        (["start={run}", "architecture.channels=3"], r"other architecture\. Set architecture.channels=2, or"),
        (["start={run}", "inputs.positions=inherent"], r"other inputs\. Set inputs.positions=thermal, or"),
        (["start=kalj-T0.64"], "kalj-T0.64 is neither a model file nor a run folder with a model of its own"),
        (["start=kalj-T0.64/member-network"], r"kalj-T0.64/member-network has other inputs\. Set inputs.edges=union"),
        (
            ["start=kalj-T0.64/member-regression"],
            "format equiglass-.* where equiglass-model is needed; it is of another",
        ),
        (["start={run}", "inputs.nodes=[force]"], r"further node inputs: energy_inherent\. Add them to inputs.nodes"),
    ],
)
def test_what_cannot_start_is_refused(trained: Path, tmp_path: Path, settings: list[str], said: str) -> None:
    named = [setting.format(run=trained) for setting in settings]
    with pytest.raises(EquiglassError, match=said):
        train([labelled_liquid(seed) for seed in range(3)], tmp_path / "new", read_configuration(None, [*TINY, *named]))


def test_what_the_start_has_learned_counts_as_training(trained: Path, tmp_path: Path) -> None:
    old = predictor(trained)
    assert old.data.split is not None
    known = next(s for s in (labelled_liquid(seed) for seed in range(3)) if old.data.split.role(s) == "training")
    others = [labelled_liquid(seed) for seed in range(5, 8)]
    settings = [*TINY, "times=['1']", f"start={trained}"]
    with pytest.raises(ConfigurationError, match=f"trained on 1 of 1 validation configurations .{known.name} is"):
        train(others, tmp_path / "refused", read_configuration(None, settings), validation=[known])
    assert not (tmp_path / "refused").exists()
    model = train(others, tmp_path / "new", read_configuration(None, [*settings, "fold=0"]))
    for each in (model, load_model(tmp_path / "new"), predictor(tmp_path / "new")):
        assert each.role(known) == "training"
        assert each.role(labelled_liquid(20)) == "not seen"


@pytest.mark.parametrize("settings", sorted(PRETRAINED.glob("*/network-relaxation.yaml")), ids=lambda p: p.parent.name)
def test_the_start_of_the_shipped_models_fits_their_settings(settings: Path) -> None:
    configuration = read_configuration(settings)
    assert isinstance(configuration, Configuration)
    start = NetworkPredictor.load(Path(__file__).parents[1] / str(configuration.start))
    assert start.inputs == configuration.inputs
    assert start.network.architecture == configuration.architecture
