"""The hyper-parameters of the network, with their defaults, limits and descriptions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from equiglass.files.settings import moved

OLD_KEYS = {
    "neighbors": "advanced.neighbors",
    "last_norm": "advanced.last_norm",
    "norm_momentum": "advanced.norm_momentum",
    "decoder_gain": "advanced.prior_scale",
}
"""Present key by key of configurations and model files of version 0.1."""


class Advanced(BaseModel):
    """Hyper-parameters that nobody needs to change: they do not matter, or other values are worse (docs/choices.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    neighbors: float = Field(
        40.0, ge=1e-3, le=1e6, description="the neighbour sum is divided by the square root of this"
    )
    last_norm: bool = Field(True, description="whether a batch norm follows the last convolution")
    norm_momentum: float = Field(0.5, gt=0, le=1, description="momentum of the batch averages")
    prior_scale: float = Field(
        0.1, gt=0, le=1e3, description="prior scale: initial size of the weights of the linear read-out"
    )


class Architecture(BaseModel):
    """The hyper-parameters of the network (SciPost Phys. 2024, arXiv 2211.03226, sec. III and Appendix A)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    l_max: int = Field(3, ge=0, le=6, description="highest degree of the spherical harmonics")
    layers: int = Field(8, ge=1, le=100, description="number of convolutions")
    channels: int = Field(8, ge=1, le=1024, description="number of channels of every degree l between layers")
    radial_basis: Literal["bessel", "gaussian"] = Field("bessel", description="radial basis: functions of the distance")
    basis_size: int = Field(10, ge=1, le=1024, description="number of radial basis functions")
    radial_width: int = Field(16, ge=1, le=1024, description="hidden width of the radial MLP")
    cutoff: float = Field(2.0, gt=0, le=10, description="cutoff d_c: edges are shorter than this")
    update: int = Field(
        0,
        ge=0,
        le=4096,
        description="width of the non-linear update of every node after a convolution; 0 for the paper's network",
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout rate in the radial MLP")
    advanced: Advanced = Advanced()

    @model_validator(mode="before")
    @classmethod
    def _old_keys(cls, given: Any) -> Any:
        """Move the keys of older files under ``advanced``."""
        return moved(given, OLD_KEYS)
