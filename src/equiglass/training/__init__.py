"""Training: configuration, run folder, loop."""

from equiglass.methods.network.configuration import Configuration, read_configuration
from equiglass.training.run import train

__all__ = ["Configuration", "read_configuration", "train"]
