"""The numbers that fix the network: one source for defaults, validation and documentation."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Architecture(BaseModel):
    """Hyper-parameters of the network (SciPost Phys. 2024, arXiv 2211.03226, sec. III and Appendix A)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    l_max: int = Field(3, ge=0, le=6, description="highest degree of the spherical harmonics")
    layers: int = Field(8, ge=1, description="number of convolutions")
    channels: int = Field(8, ge=1, description="channels of every degree l between layers")
    radial_basis: Literal["bessel", "gaussian"] = Field("bessel", description="functions of the distance")
    basis_size: int = Field(10, ge=1, description="number of radial basis functions")
    radial_width: int = Field(16, ge=1, description="hidden width of the radial networks")
    cutoff: float = Field(2.0, gt=0, description="d_c, the length where edges end")
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout in the radial networks")
    norm_momentum: float = Field(0.5, gt=0, le=1, description="momentum of the batch averages")
    last_norm: bool = Field(True, description="whether a batch norm follows the last convolution")
    decoder_gain: float = Field(0.1, gt=0, description="initial size of the decoders' weights")
    neighbors: float = Field(40.0, gt=0, description="the neighbour sum is divided by the square root of this")
