"""The network of eqs 18-23 and what a trained one consists of."""

from equiglass.model.architecture import Architecture

__all__ = ["Architecture"]
