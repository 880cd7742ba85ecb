"""Training of one model, of several models whose predictions are averaged, or of one model per fold."""

from equiglass.training.crossvalidation import crossvalidate
from equiglass.training.train import train

__all__ = ["crossvalidate", "train"]
