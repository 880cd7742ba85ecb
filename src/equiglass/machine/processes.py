"""Several processes train one network: each takes its share of the configurations of every optimiser step.

torchrun starts the processes and describes them in the environment (RANK, WORLD_SIZE, LOCAL_RANK, ...). All processes
hold the same network and make the same steps. Only the first one writes files. Without torchrun there is one process,
and nothing is exchanged.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from equiglass.errors import EquiglassWarning, SetupError

A = TypeVar("A")
B = TypeVar("B")


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Join the processes that torchrun has started. If one of them fails in the block, all end.

    Only the first process that fails raises its exception, so one sentence says what was wrong. The others exit
    silently.

    Raises:
        SetupError: the environment names several processes, but they cannot connect.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    try:
        store, number, count = next(dist.rendezvous("env://"))
    except (ValueError, RuntimeError) as error:
        raise SetupError(
            f"WORLD_SIZE={os.environ['WORLD_SIZE']} asks for several processes, but they cannot connect "
            f"({_cause(error)}); start them with torchrun."
        ) from error
    try:
        # gloo exchanges tensors on the CPU, NCCL tensors on a GPU.
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
    """Sum each of these tensors over the processes, in place.

    The sum is taken in float64. So the order of the processes does not change the float32 result.
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
    """The result of make() in the first process, returned in all processes."""
    if size() == 1:
        return make()
    made: list[Any] = [make() if rank() == 0 else None]
    with _meeting():
        dist.broadcast_object_list(made)
    result: A = made[0]
    return result


def shared(function: Callable[[Sequence[A]], Sequence[B]], items: Sequence[A]) -> list[B]:
    """function(items), with one result per item. Each process computes a share; all get every result."""
    if size() == 1:
        return list(function(items))
    shares: list[Sequence[B]] = [()] * size()
    mine = function(items[rank() :: size()])
    with _meeting():
        dist.all_gather_object(shares, mine)
    return [shares[place % size()][place // size()] for place in range(len(items))]


@contextlib.contextmanager
def _meeting() -> Iterator[None]:
    """Turn the error of torch for processes that cannot reach each other into one sentence."""
    try:
        yield
    except RuntimeError as error:
        raise SetupError(
            f"the processes of the run have lost contact: one was killed or cannot be reached ({_cause(error)}). "
            "Continue with the same command; train, with --resume."
        ) from error


def _spoken(store: dist.Store) -> bool:
    """Whether another process has failed before this one."""
    try:
        return bool(store.add("failures", 1) > 1)
    except RuntimeError:
        return False


def _cause(error: Exception) -> str:
    return " ".join(str(error).split(". ")[0].split())[:200]
