"""Several processes train one network: each takes its share of the configurations of every optimiser step.

torchrun starts the processes and describes them in the environment (RANK, WORLD_SIZE, LOCAL_RANK, ...). All of them
hold the same network and make the same steps; the first alone writes. Without torchrun there is one process, and no
function here does more than its first line says for one.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from equiglass.errors import EquiglassError, EquiglassWarning

A = TypeVar("A")
B = TypeVar("B")


def rank() -> int:
    """Which of the processes this is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Join the processes that torchrun has started; when one of them leaves the block by an error, all end.

    Only the first to fail lets its exception out, so that one sentence says what was wrong; the others exit silently.

    Raises:
        EquiglassError: an environment that names several processes but not how they meet.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    try:
        store, number, count = next(dist.rendezvous("env://"))
    except (ValueError, RuntimeError) as error:
        raise EquiglassError(
            f"WORLD_SIZE={os.environ['WORLD_SIZE']} asks for several processes, but they do not meet "
            f"({_cause(error)}); start them with torchrun."
        ) from error
    try:
        # Tensors on the CPU go by gloo, those on a GPU by NCCL.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local < torch.cuda.device_count():
            torch.cuda.set_device(local)
        with _meeting():
            dist.init_process_group(backend, store=store, rank=number, world_size=count)
        with warnings.catch_warnings():
            if number > 0:
                warnings.simplefilter("ignore", EquiglassWarning)
            yield
    except BaseException:
        if _spoken(store):
            raise SystemExit(1) from None
        raise
    dist.destroy_process_group()


def add(tensors: Sequence[Tensor]) -> None:
    """Sum over the processes of each of these tensors, in place.

    The sum is taken in float64, so that the order of the processes does not show in float32.
    """
    if size() == 1:
        return
    with torch.no_grad():
        total = torch.cat([tensor.reshape(-1).double() for tensor in tensors])
        with _meeting():
            dist.all_reduce(total)
        for tensor, part in zip(tensors, total.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))


def same(make: Callable[[], A]) -> A:
    """make() of the first process, in all of them."""
    if size() == 1:
        return make()
    made = [make() if rank() == 0 else None]
    with _meeting():
        dist.broadcast_object_list(made)
    return made[0]  # type: ignore[return-value]


def shared(function: Callable[[Sequence[A]], Sequence[B]], items: Sequence[A]) -> list[B]:
    """function(items), which has a result for each item: each process computes its share, all get the whole."""
    if size() == 1:
        return list(function(items))
    shares: list[Sequence[B]] = [()] * size()
    mine = function(items[rank() :: size()])
    with _meeting():
        dist.all_gather_object(shares, mine)
    return [shares[place % size()][place // size()] for place in range(len(items))]


@contextlib.contextmanager
def _meeting() -> Iterator[None]:
    """Whatever torch says when the processes cannot reach each other becomes a sentence."""
    try:
        yield
    except RuntimeError as error:
        raise EquiglassError(
            f"the processes of the run have lost each other: one was killed or cannot be reached ({_cause(error)}). "
            "Go on with --resume."
        ) from error


def _spoken(store: dist.Store) -> bool:
    """Whether another process has failed before this one."""
    try:
        return bool(store.add("failures", 1) > 1)
    except RuntimeError:
        return False


def _cause(error: Exception) -> str:
    return " ".join(str(error).split(". ")[0].split())[:200]
