"""Training of one model, of several models whose predictions are averaged, or of one model per fold; combinations."""

from equiglass.training.combination import combine
from equiglass.training.crossvalidation import crossvalidate
from equiglass.training.train import train

__all__ = ["combine", "crossvalidate", "train"]
