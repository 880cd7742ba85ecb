"""The network of eqs 18-23 of arXiv 2211.03226, its inputs and its architecture."""

from equiglass.model.architecture import Architecture

__all__ = ["Architecture"]
