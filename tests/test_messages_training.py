"""The message-passing methods: targets, losses, training, files of ours and of others, commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import equiglass
from equiglass.errors import DataError
from equiglass.methods import METHODS
from equiglass.methods.descent.samples import Sample
from equiglass.methods.loading import save_model
from equiglass.methods.messages import eignn, published
from equiglass.methods.messages.botan import BotanNetwork, bond_loss, edge_changes
from equiglass.methods.messages.graph import edge_graph
from equiglass.prediction.predictor import Watch
from equiglass.training.supply import supply
from samples.command import run
from samples.liquids import random_liquid
from samples.messages import NAMES, configuration_of, learnable, settings_of

# Edges of BOTAN


def test_edge_targets_are_the_mean_change_of_length() -> None:
    system = learnable(4)
    graph = edge_graph(system, 1.5)
    found = edge_changes(system, graph, ["7", "unknown"])
    assert np.isnan(found[:, 1]).all()
    particle = np.empty(40, int)
    particle[graph.nodes.numpy()] = np.arange(40)
    for e in range(0, graph.n_edges, 17):
        i, j = particle[graph.receivers[e]], particle[graph.senders[e]]
        vector = graph.vectors[e, 0].numpy()
        runs = system.replica_displacements[1]
        after = [np.linalg.norm(vector + run[i] - run[j]) for run in runs]
        assert found[e, 0] == pytest.approx(np.mean(after) - np.linalg.norm(vector), abs=1e-5)


def test_loss_of_botan_is_that_of_the_edges_alone_at_first() -> None:
    torch.manual_seed(0)
    network, system = BotanNetwork(2, 1, 6, 2), learnable(5)
    graph = edge_graph(system, 2.0)
    targets, edges = torch.randn(40, 1), torch.randn(graph.n_edges, 1)
    edges[::2] = torch.nan
    sample = Sample(
        "one", graph, targets, np.zeros((1, 40)), system.types, np.zeros((40, 0)), further_targets={"edges": edges}
    )
    loss, one = bond_loss(0.4, edge_epochs=3), torch.ones(())
    with torch.no_grad():
        out = network.particles_and_edges(graph)
        of_nodes, of_edges = ((out[0] - targets) ** 2).mean(), ((out[1] - edges)[1::2] ** 2).mean()
        assert loss(network, sample, one, torch.tensor(2.0)) == pytest.approx(of_edges.item(), rel=1e-5)
        mixed = 0.4 * of_nodes.item() + 0.6 * of_edges.item()
        assert loss(network, sample, one, torch.tensor(3.0)) == pytest.approx(mixed, rel=1e-5)


def test_botan_needs_the_displacements_of_every_run() -> None:
    systems = [replace(learnable(k), replica_displacements=None) for k in range(3)]
    with pytest.raises(DataError, match="keep_displacements"):
        METHODS["botan"].fit(systems, configuration_of("botan"))
    METHODS["botan"].fit(systems, configuration_of("botan", p=1, edge_epochs=0, epochs=1))


def test_edge_predictions_have_the_unit_of_length() -> None:
    systems = [learnable(k) for k in range(3)]
    model = METHODS["botan"].fit(systems, configuration_of("botan", epochs=2))
    known = edge_changes(systems[0], model.graph(systems[0], model.architecture), ["1", "7"])
    predicted = model.edge_values(systems[0])
    assert predicted.shape == known.T.shape
    assert abs(predicted.mean() - known.mean()) < known.std()


# Training


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded_model_predicts_the_same(name: str, tmp_path: Path) -> None:
    systems = [learnable(k) for k in range(4)]
    model = equiglass.train(systems, tmp_path / "run", configuration_of(name, epochs=3))
    loaded = equiglass.load_model(tmp_path / "run")
    assert loaded.method == name
    one = learnable(9)
    np.testing.assert_array_equal(loaded.predict(one).values, model.predict(one).values)
    assert np.ptp(model.predict(one).values[1]) > 0
    assert loaded.card()[0].caption.startswith("Architecture")


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_training_gives_the_same_weights(name: str, tmp_path: Path) -> None:
    systems = [learnable(k) for k in range(4)]
    configuration = configuration_of(name, epochs=3)

    def stop(done: int, total: int, loss: float) -> None:
        if done == 5:
            raise KeyboardInterrupt

    whole = equiglass.train(systems, tmp_path / "whole", configuration)
    with pytest.raises(KeyboardInterrupt):
        equiglass.train(systems, tmp_path / "part", configuration, watch=Watch(step=stop))
    resumed = equiglass.train(systems, tmp_path / "part", configuration, resume=True)
    for key, value in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[key], value, rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_labels_and_types_are_masked(name: str) -> None:
    """Two configurations that differ only where a label is unknown, or in a type that is not learned, train alike."""
    results = []
    for value in (0.3, 0.9):
        systems = []
        for k in range(2):
            system = learnable(k)
            propensity = system.propensity.copy()
            propensity[0, 3:9] = np.nan
            propensity[:, system.types == 1] = value + 0.1 * np.arange((system.types == 1).sum())
            systems.append(replace(system, propensity=propensity))
        model = METHODS[name].fit(systems, configuration_of(name, types=["A"]))
        np.testing.assert_array_equal(model.learned(), [[True] * len(model.times), [False] * len(model.times)])
        predicted = model.values(learnable(7))
        assert np.isnan(predicted[:, learnable(7).types == 1]).all()
        results.append(predicted[:, learnable(7).types == 0])
        assert np.isfinite(results[-1]).all()
    np.testing.assert_allclose(*results, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_types", [1, 3])
def test_any_number_of_types(name: str, n_types: int) -> None:
    systems = [learnable(k, n_types=max(n_types, 2)) for k in range(2)]
    if n_types == 1:
        systems = [replace(s, types=np.zeros_like(s.types)) for s in systems]
    model = METHODS[name].fit(systems, configuration_of(name))
    assert model.n_types == n_types
    assert np.isfinite(model.values(systems[0])).all()


def test_a_type_that_does_not_occur_is_named() -> None:
    with pytest.raises(DataError, match="particle type C"):
        METHODS["bapst"].fit([learnable(0)], configuration_of("bapst", types=["C"]))


def test_training_lowers_the_loss() -> None:
    for name in NAMES:
        losses: list[float] = []
        watch = Watch(epoch=lambda result, losses=losses: losses.append(result.loss))
        changes = {"edge_epochs": 0} if name == "botan" else {}
        METHODS[name].fit([learnable(0)], configuration_of(name, epochs=8, **changes), watch=watch)
        assert losses[-1] < 0.99 * losses[0], name


def test_eignn_standardises_per_configuration_and_type() -> None:
    systems = [learnable(k) for k in range(2)]
    values = systems[0].propensity
    line = eignn.TargetStandardisation.fit([s.types for s in systems], [s.propensity for s in systems], 2)
    standard = METHODS["eignn"].standardised(values, systems[0].types, line)
    for kind in (0, 1):
        mine = standard[:, systems[0].types == kind]
        np.testing.assert_allclose(mine.mean(1), 0, atol=1e-12)
        np.testing.assert_allclose(mine.std(1), 1)


def test_eignn_names_a_missing_cage_state() -> None:
    configuration = configuration_of("eignn", **{"architecture.state": "cage"})
    with pytest.raises(DataError, match="no cage state"):
        METHODS["eignn"].fit([learnable(0)], configuration)


@pytest.mark.parametrize("name", NAMES)
def test_commands_take_the_method(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep = [learnable(k) for k in range(8)]
    equiglass.save(keep, tmp_path / "data.h5")
    words = [word for override in settings_of(name) for word in ("--set", override)]
    out = tmp_path / "run"
    assert run("train", "--method", name, "--data", tmp_path / "data.h5", "--out", out, *words) == 0
    words = ["evaluate", out, "--data", tmp_path / "data.h5", "--seen", "--json", tmp_path / "scores.json"]
    assert run(*words) == 0
    assert json.loads((tmp_path / "scores.json").read_text())["configurations"] == 8
    equiglass.save(learnable(9), tmp_path / "one.h5")
    assert run("predict", out, tmp_path / "one.h5", "-o", tmp_path / "one.xyz") == 0
    assert "propensity_7" in (tmp_path / "one.xyz").read_text()
    assert run("report", out, "--data", tmp_path / "data.h5", "--out", tmp_path / "report.html") == 0
    assert "Architecture" in (tmp_path / "report.html").read_text()
    capsys.readouterr()
    assert run("methods") == 0
    assert name in capsys.readouterr().out


# Published weights


def test_weights_in_the_form_of_bapst_load(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = METHODS["bapst"].network_of(METHODS["bapst"].configuration().architecture, 2, 1)
    parts_there = {
        "graph_independent/node_model": network.node_encoder,
        "graph_independent/edge_model": network.edge_encoder,
        "graph_network/edge_block": network.edge_update,
        "graph_network/node_block": network.node_update,
        "graph_independent_1/node_model": network.decoder,
    }
    arrays = {}
    for part, module in parts_there.items():
        layers = [layer for layer in module if isinstance(layer, nn.Linear)]
        for k, layer in enumerate(layers):
            arrays[f"Graph/{part}/mlp/linear_{k}/w"] = layer.weight.detach().numpy().T
            arrays[f"Graph/{part}/mlp/linear_{k}/b"] = layer.bias.detach().numpy()
    np.savez(tmp_path / "weights.npz", **arrays)
    model = published.bapst(tmp_path / "weights.npz", {"1": 0.13}, 0.44)
    graph = edge_graph(random_liquid(40), 2.0, self_edges=True)
    with torch.no_grad():
        torch.testing.assert_close(model.network(graph), network(graph))
    # Their network has learned A alone.
    assert model.learned().tolist() == [[True], [False]]
    save_model(model, tmp_path / "run")
    assert equiglass.load_model(tmp_path / "run").times == {"1": 0.13}
    for times in ({}, {"1": 0.13, "2": 1.3}):
        with pytest.raises(DataError, match="this network predicts one time, not"):
            published.bapst(tmp_path / "weights.npz", times, 0.44)
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"one\.npy"):
        published.bapst(tmp_path / "one.npy", {"1": 0.13}, 0.44)
    arrays.pop("Graph/graph_network/node_block/mlp/linear_1/b")
    np.savez(tmp_path / "part.npz", **arrays)
    with pytest.raises(DataError, match="node_block/mlp/linear_1/b"):
        published.bapst(tmp_path / "part.npz", {"1": 0.13}, 0.44)


def test_weights_in_the_form_of_pyg_botan_load(tmp_path: Path) -> None:
    """Their order of the inputs of a layer: sender, receiver, edge, encoded edge; node, encoded node, sum."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"node_encoder": (1, 2), "edge_encoder": (3, 2), "decoder": (64, 3)}
    shapes |= {"network.edge_model.mlp": (256, 2), "network.node_model.mlp": (192, 2)}
    stored = {}
    for name, (inputs, layers) in shapes.items():
        for k in range(1, layers + 1):
            rows = 1 if k == 3 else 64
            stored[f"{name}.fc{k}.weight"] = torch.randn(rows, inputs if k == 1 else 64, generator=generator) / 8
            stored[f"{name}.fc{k}.bias"] = torch.randn(rows, generator=generator)
    torch.save(stored, tmp_path / "model.pth")
    model = published.botan(tmp_path / "model.pth", {"7": 4120.0}, 0.44)
    graph = edge_graph(random_liquid(30), 2.0)

    def layers(name: str, x: Tensor) -> Tensor:
        for k in (1, 2):
            x = torch.relu(x @ stored[f"{name}.fc{k}.weight"].T + stored[f"{name}.fc{k}.bias"])
        return x

    v0 = v = layers("node_encoder", graph.types[:, None].float())
    e0 = e = layers("edge_encoder", graph.vectors[:, 0])
    for _ in range(7):
        e = layers("network.edge_model.mlp", torch.cat([v[graph.senders], v[graph.receivers], e, e0], 1))
        v = layers("network.node_model.mlp", torch.cat([v, v0, graph.received(e)], 1))
    with torch.no_grad():
        nodes, edges = model.network.nodes_and_edges(graph)
    torch.testing.assert_close(nodes, v, rtol=1e-4, atol=1e-4 * float(v.abs().max()))
    torch.testing.assert_close(edges, e, rtol=1e-4, atol=1e-4 * float(e.abs().max()))
    stored.pop("decoder.fc3.bias")
    torch.save(stored, tmp_path / "part.pth")
    with pytest.raises(DataError, match=r"decoder\.4\.bias"):
        published.botan(tmp_path / "part.pth", {"7": 4120.0}, 0.44)
    for damaged in ([1], torch.zeros(3), {"weight": torch.zeros(3)}, {"model": stored}, {}):
        torch.save(damaged, tmp_path / "damaged.pth")
        with pytest.raises(DataError, match=r"damaged\.pth"):
            published.botan(tmp_path / "damaged.pth", {"7": 4120.0}, 0.44)
        with pytest.raises(DataError, match=r"damaged\.pth"):
            published.eignn(tmp_path / "damaged.pth", {"7": 4120.0}, 0.44)
    (tmp_path / "other.pth").write_text("no weights")
    with pytest.raises(DataError, match=r"other\.pth"):
        published.botan(tmp_path / "other.pth", {"7": 4120.0}, 0.44)


def test_weights_in_the_form_of_eignn_load(tmp_path: Path) -> None:
    """Names and shapes of the authors' checkpoint, from a network with random weights."""
    architecture = METHODS["eignn"].configuration().architecture
    network = METHODS["eignn"].network_of(architecture, 2, 3)
    theirs = {"embedding": "lin_embedding", "joining": "lin_cat", "neighbourhood": "agg_3.nn.lins.0"}
    theirs |= {"decoder.0": "out.lins.0", "decoder.1": "out.norms.0.module", "decoder.3": "out.lins.1"}
    inside = {"message": "I2EConv.lin1", "weights": "I2EConv.lin2", "scalars": "I2EConv.lin3", "norm": "norm"}
    inside |= {"gate": "E2IConv.lin_cat", "value": "E2IConv.lin_r"}
    of_norm = {"scale": "weight", "shift": "bias", "running_mean": "running_mean", "running_variance": "running_var"}
    stored: dict[str, Tensor] = {}
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.rand(parameter.shape, generator=generator))
    for name, tensor in network.state_dict().items():
        part, kind = name.rsplit(".", 1)
        _, number, *rest = (*part.split("."), "", "")
        if part in theirs:
            stored[f"{theirs[part]}.{kind}"] = tensor
        elif rest[0] in inside:
            stored[f"interactions.{number}.{inside[rest[0]]}.{kind}"] = tensor
        elif rest[0] == "vector_norm" and kind in of_norm:
            stored[f"interactions.{number}.e_norm.{of_norm[kind]}"] = tensor.flatten()
    for k in range(architecture.interactions):
        mixing = [network.state_dict()[f"interactions.{k}.vector_mixing.{l}"] for l in range(3)]
        stored[f"interactions.{k}.I2EConv.o3_lin.weight"] = torch.cat([part.flatten() for part in mixing])
    torch.save({"net": stored}, tmp_path / "eignn.pt")
    model = published.eignn(tmp_path / "eignn.pt", {"1": 0.1, "2": 1.0, "3": 10.0}, 0.44)
    assert {key: value.shape for key, value in model.network.state_dict().items()} == {
        key: value.shape for key, value in network.state_dict().items()
    }
    for name, tensor in network.named_parameters():
        torch.testing.assert_close(model.network.get_parameter(name), tensor)
    stored.pop("lin_cat.weight")
    torch.save({"net": stored}, tmp_path / "part.pt")
    with pytest.raises(DataError, match=r"part\.pt"):
        published.eignn(tmp_path / "part.pt", {"1": 0.1}, 0.44)


@pytest.mark.data
def test_weights_of_bapst_reach_their_correlation(data_folder: Path) -> None:
    """rho(A) = 0.937 +- 0.002 at t = 0.13, mean over the ten configurations with labels from 32 runs of our own.

    `equiglass simulate data/shiba-T0.44.yaml --from shiba_T0.44_train --merge` makes these labels.
    """
    weights = data_folder.parent / "peers" / "bapst_t044_s09.npz"
    labels = data_folder / "shiba_T0.44_short_times.h5"
    if not weights.is_file():
        pytest.skip(f"the weights of Bapst et al. are not at {weights}")
    if not labels.is_file():
        pytest.skip(f"the labels at t = 0.13 are not at {labels}; 'equiglass simulate' makes them (see data/README.md)")
    model = published.bapst(weights, {"1": 0.13}, 0.44)
    rho = []
    for system in equiglass.load(labels):
        of_a = system.types == 0
        truth = system.propensity[system.row("1"), of_a]
        rho.append(np.corrcoef(model.values(system)[0, of_a], truth)[0, 1])
    assert len(rho) == 10
    assert np.mean(rho) == pytest.approx(0.937, abs=0.002)


@pytest.mark.data
def test_edges_of_pyg_botan_correlate_with_the_measured_changes(data_folder: Path) -> None:
    """0.315 over all edges at tau_alpha, mean over the ten configurations; 0.292 and 0.302 for the first two."""
    weights = data_folder.parent / "peers" / "pyg_botan_model1.pth"
    if not weights.is_file():
        pytest.skip(f"initial_model/model1.pth of h3-Open-BDEC/pyg_botan is not at {weights}")
    model = published.botan(weights, {"7": 4120.0}, 0.44)
    rho = []
    for system in equiglass.load(data_folder / "shiba_T0.44_train")[:2]:
        changes = edge_changes(system, model.graph(system, model.architecture), ["7"]).ravel()
        rho.append(np.corrcoef(changes, model.edge_values(system)[0])[0, 1])
    assert rho == pytest.approx([0.292, 0.302], abs=0.002)


def test_supply_gives_eignn_its_states() -> None:
    system = replace(learnable(0), positions_inherent=None)
    (whole,) = supply([system], configuration_of("eignn"))
    assert whole.positions_inherent is not None
