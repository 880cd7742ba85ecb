"""Samples of a training: their gradient, their mirror image, and the loss where labels are missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from equiglass.methods.descent.gradient import Gradient, masked_loss
from equiglass.methods.descent.samples import Sample
from equiglass.model.architecture import Architecture
from equiglass.model.graph import build_graph
from equiglass.model.network import Network
from samples.labelled import labelled_liquid


def test_loss_sums_over_times_and_masks_missing_labels() -> None:
    prediction = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    targets = torch.tensor([[0.0, float("nan")], [0.0, 1.0]], requires_grad=False)
    assert float(masked_loss(prediction, targets)) == pytest.approx((1 + 9) / 2 + 9 / 1)
    nothing = torch.full((2, 2), float("nan"))
    prediction.requires_grad_()
    loss = masked_loss(prediction, nothing)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(prediction.grad, torch.zeros(2, 2))  # type: ignore[arg-type]


def small_sample(seed: int, vectors: np.ndarray | None = None) -> Sample:
    graph = build_graph(labelled_liquid(seed), 1.3, inputs={} if vectors is None else {1: vectors[..., None]})
    targets, nothing = torch.randn(graph.n_nodes, 2), np.zeros((0, 0))
    return Sample("liquid", graph, targets, np.zeros((2, graph.n_nodes)), np.zeros(0), nothing)


def test_a_recorded_gradient_is_the_plain_one() -> None:
    """A CUDA graph needs a GPU; all that surrounds it does not: the runs before leave no trace, memory stays."""
    samples = [small_sample(seed) for seed in (1, 2)]
    torch.manual_seed(0)
    network = Network(Architecture(l_max=1, layers=2, channels=2, radial_width=3, basis_size=3, cutoff=1.3), (2,), 2, 2)
    start = {name: value.clone() for name, value in network.state_dict().items()}

    def record(step):
        for _ in range(3):
            step()
        return step

    results = []
    for recording in (None, record):
        network.load_state_dict(start)
        gradient = Gradient(network, recording)
        gradient.clear()
        losses = [gradient.add(samples[k], mirrored=k == 1, share=2, seed=5 + k) for k in (0, 1)]
        before = [p.grad.clone() for p in network.parameters()]
        memory = [p.grad.data_ptr() for p in network.parameters()]
        gradient.clear()
        losses.append(gradient.add(samples[0], mirrored=True, share=1, seed=9))
        if recording:
            assert memory == [p.grad.data_ptr() for p in network.parameters()]
        after = [p.grad.clone() for p in network.parameters()]
        results.append([torch.tensor(losses), *before, *after, *(x.clone() for x in network.buffers())])
        network.zero_grad()
    for plain, recorded in zip(*results, strict=True):
        assert torch.equal(plain, recorded)


def test_a_mirrored_sample_is_the_sample_of_the_mirrored_configuration() -> None:
    """Up to a rotation by half a turn, which changes no loss: every vector inverted is one axis inverted."""
    system, d = labelled_liquid(1), np.random.default_rng(0).normal(size=(64, 3))
    mirror = np.array([-1.0, 1.0, 1.0])
    sample = small_sample(1, d)
    mirrored = build_graph(
        replace(system, positions=system.positions * mirror), 1.3, inputs={1: (d * mirror)[..., None]}
    )
    shape = Architecture(l_max=2, layers=2, channels=2, radial_width=3, basis_size=3, cutoff=1.3, dropout=0.0)
    torch.manual_seed(0)
    gradient = Gradient(Network(shape, (2, 1), 2, 2))
    there = replace(sample, graph=mirrored)
    plain, inverted, axis = (
        gradient.add(s, mirrored=m, share=1, seed=1) for s, m in ((sample, False), (sample, True), (there, False))
    )
    assert inverted == pytest.approx(axis, rel=1e-5)
    assert abs(plain - inverted) > 1e-5


def test_a_sample_moves_whole() -> None:
    sample = small_sample(1)
    whole = replace(sample.graph, lengths=sample.graph.vectors.norm(dim=1))
    moved = replace(sample, graph=whole).to(torch.device("meta"))
    graph = vars(moved.graph)
    assert all(x.is_meta for x in (moved.targets, *graph.pop("inputs"), *graph.values()))
