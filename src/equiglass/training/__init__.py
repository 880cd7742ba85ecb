"""Training: one model, several whose predictions are averaged, or one per fold."""

from equiglass.training.crossvalidation import crossvalidate
from equiglass.training.train import train

__all__ = ["crossvalidate", "train"]
