"""What a network learns besides its target: values against slow ones, symmetries, training, resuming, errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.ends import ends_of
from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.system import System
from equiglass.methods.descent import loop as training_loop
from equiglass.methods.descent.gradient import Gradient, masked_loss
from equiglass.methods.descent.samples import Sample
from equiglass.methods.loading import load_model, load_predictor, read_configuration, save_model
from equiglass.methods.network.configuration import Configuration
from equiglass.methods.network.further_targets import FURTHER_TARGETS
from equiglass.methods.network.predictor import NetworkPredictor
from equiglass.methods.network.regularised import Regularised, loss_of_targets, with_further_targets
from equiglass.model.architecture import Architecture
from equiglass.model.graph import Graph, build_graph
from equiglass.model.network import Network
from equiglass.prediction.predictor import Watch
from equiglass.training import train
from samples.labelled import labelled_liquid

SHAPE = Architecture(l_max=2, layers=2, channels=3, radial_width=3, basis_size=3, cutoff=1.4, dropout=0.0)
ALL = ("displacement", "variance", "edges")
few = settings(deadline=None, max_examples=8)


def liquid(seed: int, n: int = 64) -> System:
    """A labelled configuration with four runs, which move every particle towards its neighbours."""
    system = labelled_liquid(seed, n)
    rng = np.random.default_rng(seed)
    pairs = periodic_pairs(system.positions, system.box, 1.4)
    pull = np.zeros((n, 3))
    np.add.at(pull, pairs.receivers, 0.1 * pairs.vectors)
    moves = np.stack([pull * k + rng.normal(0, 0.02, (4, n, 3)) for k in (0.5, 1.0)]).astype(np.float32)
    variance = np.linalg.norm(moves, axis=-1).var(axis=1, ddof=1)
    inherent = system.positions + rng.normal(0, 0.02, (n, 3))
    return replace(
        system,
        positions_inherent=inherent,
        replica_displacements=moves,
        mean_displacement=moves.mean(1),
        replica_variance=variance,
    )


def tiny(*words: str) -> Configuration:
    small = ["architecture.l_max=1", "architecture.layers=2", "architecture.channels=2", "epochs=3", "folds=3"]
    configuration = read_configuration(None, [*small, f"further_targets=[{','.join(ALL)}]", *words])
    assert isinstance(configuration, Configuration)
    return configuration


def regularised(names: tuple[str, ...] = ALL) -> Regularised:
    torch.manual_seed(0)
    return Regularised(Network(SHAPE, (2,), 2, 2), names)


def sample_of(system: System, graph: Graph | None = None) -> Sample:
    graph = graph or build_graph(system, SHAPE.cutoff)
    targets, nothing = torch.zeros(graph.n_nodes, 2), np.zeros((0, 0))
    sample = Sample("liquid", graph, targets, np.zeros((2, graph.n_nodes)), system.types, nothing)
    return with_further_targets([sample], [system], ALL, ["1", "7"])[0]


def test_values_of_particles() -> None:
    system = liquid(1)
    graph = build_graph(system, 1.4)
    found = FURTHER_TARGETS["displacement"].measured(system, graph, ["7", "unknown"])
    runs = np.asarray(system.replica_displacements)
    np.testing.assert_allclose(found[:, 0], runs[1].mean(0), atol=1e-6)
    assert np.isnan(found[:, 1]).all()
    from_runs = FURTHER_TARGETS["displacement"].measured(replace(system, mean_displacement=None), graph, ["7"])
    np.testing.assert_allclose(from_runs[:, 0], runs[1].mean(0), atol=1e-6)
    still = np.array(system.replica_variance)
    still[:, 3] = 0.0
    found = FURTHER_TARGETS["variance"].measured(replace(system, replica_variance=still), graph, ["1", "7"])
    assert found.shape == (64, 2, 1)
    assert np.isnan(found[3]).all()
    np.testing.assert_allclose(np.exp(found[4, :, 0]), still[:, 4])


@pytest.mark.parametrize("structure", ["thermal", "inherent"])
@pytest.mark.parametrize("n", [12, 64])
def test_edges_change_their_thermal_length(structure: str, n: int) -> None:
    """Also in a box so small that two particles have several edges."""
    system = liquid(2, n)
    graph = build_graph(system, 1.4, structure)  # type: ignore[arg-type]
    found = FURTHER_TARGETS["edges"].measured(system, graph, ["7", "unknown"])
    assert found.shape == (graph.n_edges, 2, 1)
    assert np.isnan(found[:, 1]).all()
    particle = np.empty(n, int)
    particle[graph.nodes.numpy()] = np.arange(n)
    runs = np.asarray(system.replica_displacements)[1].astype(float)
    moved = system.positions_in(structure) - system.positions  # type: ignore[arg-type]
    for e in range(0, graph.n_edges, 7):
        i, j = particle[graph.receivers[e]], particle[graph.senders[e]]
        vector = graph.vectors[e].double().numpy() - moved[j] + moved[i]
        after = [np.linalg.norm(vector + run[j] - run[i]) for run in runs]
        assert found[e, 0, 0] == pytest.approx(np.mean(after) - np.linalg.norm(vector), abs=1e-5)


def test_standardised_values_have_variance_one_by_type() -> None:
    systems = [liquid(k) for k in range(3)]
    samples = [replace(sample_of(system), further_targets={}) for system in systems]
    samples = with_further_targets(samples, systems, ALL, ["1", "7"])
    types = np.concatenate([system.types for system in systems])
    values = {name: torch.cat([s.further_targets[name] for s in samples]).numpy() for name in ALL}
    for kind in (0, 1):
        vectors = values["displacement"][types == kind].reshape(-1, 2, 3)
        np.testing.assert_allclose((vectors**2).sum(2).mean(0), 1, rtol=1e-5)
        np.testing.assert_allclose(values["variance"][types == kind].mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(values["variance"][types == kind].std(0), 1, rtol=1e-5)
    np.testing.assert_allclose(values["edges"].std(0), 1, rtol=1e-5)


@few
@given(seed=st.integers(0, 999))
def test_the_vector_turns_with_the_liquid_and_the_numbers_do_not(seed: int) -> None:
    o3 = pytest.importorskip("e3nn.o3")
    torch.manual_seed(seed)
    rotation = o3.rand_matrix(dtype=torch.float64)
    trained = regularised().double()
    graph = build_graph(labelled_liquid(seed), SHAPE.cutoff, dtype=torch.float64)
    turned = replace(graph, vectors=graph.vectors @ rotation.T)

    def outputs(graph: Graph) -> dict[str, torch.Tensor]:
        h = trained.network.field(graph)
        return {name: read_out(h, graph).detach() for name, read_out in trained.read_outs.items()}

    before, after = outputs(graph), outputs(turned)
    vectors = before["displacement"].view(-1, 2, 3)
    assert vectors.abs().max() > 1e-4
    torch.testing.assert_close(after["displacement"].view(-1, 2, 3), vectors @ rotation.T, atol=1e-9, rtol=1e-7)
    for name in ("variance", "edges"):
        assert before[name].std() > 1e-4
        torch.testing.assert_close(after[name], before[name], atol=1e-9, rtol=1e-7)


def test_both_directions_of_an_edge_are_read_alike() -> None:
    trained = regularised()
    graph = build_graph(liquid(1), SHAPE.cutoff)
    read = trained.read_outs["edges"](trained.network.field(graph), graph).detach()
    ends = zip(graph.receivers.tolist(), graph.senders.tolist(), np.round(graph.vectors.numpy(), 4), strict=True)
    found = {(i, j, *map(float, vector + 0.0)): read[e] for e, (i, j, vector) in enumerate(ends)}
    for (i, j, *vector), value in found.items():
        back = (j, i, *(-x + 0.0 for x in vector))
        torch.testing.assert_close(found[back], value, atol=1e-5, rtol=1e-5)


def test_the_loss_is_the_sum_and_the_mirror_image_has_the_mirrored_vectors() -> None:
    """The mirror image up to a rotation: one axis inverted in place of three."""
    system, mirror = liquid(1), np.array([-1.0, 1.0, 1.0])
    image = replace(
        system,
        positions=system.positions * mirror,
        positions_inherent=None,
        replica_displacements=np.asarray(system.replica_displacements) * mirror.astype(np.float32),
        mean_displacement=np.asarray(system.mean_displacement) * mirror,
    )
    trained, sample = regularised(), sample_of(system)
    one, zero = torch.ones(()), torch.zeros(())
    h = trained.network.field(sample.graph)  # type: ignore[arg-type]
    parts = [masked_loss(read(h, sample.graph), sample.further_targets[n]) for n, read in trained.read_outs.items()]
    whole = masked_loss(trained(sample.graph), sample.targets) + sum(parts)
    assert loss_of_targets(trained, sample, one, zero).item() == pytest.approx(whole.item(), rel=1e-6)
    gradient = Gradient(trained, loss=loss_of_targets)
    plain, inverted, axis = (
        gradient.add(s, mirrored=m, share=1, seed=1)
        for s, m in ((sample, False), (sample, True), (sample_of(image), False))
    )
    assert inverted == pytest.approx(axis, rel=1e-5)
    vectors = {"displacement": -sample.further_targets["displacement"]}
    wrong = replace(sample, further_targets={**sample.further_targets, **vectors})
    assert abs(gradient.add(wrong, mirrored=False, share=1, seed=1) - plain) > 1e-4


@pytest.mark.parametrize("name", ALL)
def test_a_further_target_teaches_the_read_out_and_the_convolutions(name: str) -> None:
    trained, sample = regularised((name,)), sample_of(liquid(1))
    sample = replace(sample, targets=torch.full_like(sample.targets, torch.nan))
    loss_of_targets(trained, sample, torch.ones(()), torch.zeros(())).backward()
    for key, parameter in [*trained.read_outs.named_parameters(), *trained.network.convolutions[0].named_parameters()]:
        assert parameter.grad is not None, key
        assert parameter.grad.abs().max() > 0, key


def test_a_training_learns_its_further_targets() -> None:
    systems = [liquid(k) for k in range(4)]
    samples = [replace(sample_of(system), further_targets={}) for system in systems]
    samples = with_further_targets(samples, systems, ALL, ["1", "7"])
    trained, gradient = (own := regularised()), Gradient(own, loss=loss_of_targets)
    optimizer, losses = torch.optim.Adam(trained.parameters(), 0.02), []
    for step in range(40):
        gradient.clear()
        losses.append(gradient.add(samples[step % 4], mirrored=step % 3 == 0, share=1, seed=step))
        optimizer.step()
    assert np.mean(losses[-4:]) < 0.7 * np.mean(losses[:4])
    h = trained.network.field(samples[0].graph)  # type: ignore[arg-type]
    read = trained.read_outs["displacement"](h, samples[0].graph).detach().flatten()
    assert np.corrcoef(read, samples[0].further_targets["displacement"].flatten())[0, 1] > 0.7


class StoppedError(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_resumed_training_reaches_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accumulate: int
) -> None:
    systems, configuration = [liquid(k) for k in range(6)], tiny(f"accumulate={accumulate}")
    train(systems, tmp_path / "unbroken", configuration)
    monkeypatch.setattr(training_loop, "CHECKPOINT_SECONDS", 0.0)

    def stop(done: int, total: int, loss: float) -> None:
        if done >= 6:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(systems, tmp_path / "broken", configuration, watch=Watch(stop))
    train(systems, tmp_path / "broken", configuration, resume=True)
    for file in ("last.safetensors", "best.safetensors"):
        one, other = (load_file(tmp_path / run / file) for run in ("unbroken", "broken"))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert any(name.startswith("read_outs.edges.") for name in one)


def test_edges_of_two_states_learn_their_length(tmp_path: Path) -> None:
    configuration = tiny().model_copy(update={"further_targets": ("edges",)})
    inputs = configuration.inputs.model_copy(update={"edges": "union"})
    systems = [liquid(k) for k in range(4)]
    trained = train(systems, tmp_path / "run", configuration.model_copy(update={"inputs": inputs}))
    assert np.isfinite(trained.predict(liquid(9)).values).all()


def test_a_prediction_needs_no_read_out(tmp_path: Path) -> None:
    systems = [liquid(k) for k in range(4)]
    trained = train(systems, tmp_path / "run", tiny())
    assert isinstance(trained, NetworkPredictor)
    bare = replace(labelled_liquid(9), replica_variance=None)
    for checkpoint in ("last", "best"):
        assert load_predictor(tmp_path / "run" / f"{checkpoint}.safetensors").values(bare).shape == (2, 64)
    np.testing.assert_array_equal(load_model(tmp_path / "run").values(bare), trained.values(bare))
    save_model(trained, tmp_path / "model")
    names = load_file(tmp_path / "model" / "last.safetensors")
    assert not any(name.startswith(("read_outs.", "optimizer.")) for name in names)


def test_configurations_without_a_value_and_ends_of_runs_are_masked(tmp_path: Path) -> None:
    known, bare = liquid(1), replace(liquid(2), replica_displacements=None, mean_displacement=None)
    end = ends_of([known], ["7"], 1)[0]
    samples = [replace(sample_of(known, build_graph(s, 1.4)), further_targets={}) for s in (known, bare, end)]
    first, second, third = (s.further_targets for s in with_further_targets(samples, [known, bare, end], ALL, ["7"]))
    assert all(torch.isfinite(first[name]).all() for name in ALL)
    assert torch.isfinite(second["variance"]).all()
    assert all(torch.isnan(second[name]).all() for name in ("displacement", "edges"))
    assert all(torch.isnan(x).all() for x in third.values())
    train([known, bare, end], tmp_path / "run", tiny("epochs=1", "fold=0"))


def test_an_end_of_a_run_may_have_a_mean_displacement_of_its_own() -> None:
    known = liquid(1)
    end = replace(ends_of([known], ["7"], 1)[0], mean_displacement=np.ones((1, known.n_particles, 3)))
    samples = [replace(sample_of(known, build_graph(s, 1.4)), further_targets={}) for s in (known, end)]
    (_, further) = with_further_targets(samples, [known, end], ["displacement", "variance"], ["7"])
    assert torch.isfinite(further.further_targets["displacement"]).all()
    assert torch.isnan(further.further_targets["variance"]).all()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("displacement", r"displacement is the mean displacement over runs and needs mean_displacement, which no"),
        ("variance", r"needs replica_variance, which no training configuration has at the times \['1', '7'\]; leave"),
        ("edges", r"needs replica_displacements, which no training"),
    ],
)
def test_data_without_the_quantity_are_refused(name: str, said: str, tmp_path: Path) -> None:
    systems = [replace(labelled_liquid(k), replica_variance=None) for k in range(3)]
    with pytest.raises(DataError, match=said):
        train(systems, tmp_path / "run", tiny(f"further_targets=[{name}]"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["further_targets=[variances]"], "no further target 'variances'. Did you mean 'variance'"),
        (["further_targets=[edges,edges]"], "'edges' occurs twice"),
        (["architecture.l_max=0"], "'displacement' is read from degree 1 of the field; set architecture.l_max"),
    ],
)
def test_wrong_settings_are_sentences(words: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        tiny(*words)
