"""The methods. Each is a module or a folder that adds its `Predictor` to `METHODS`."""

from __future__ import annotations

from equiglass.files.registry import Registry
from equiglass.prediction.predictor import Predictor

METHODS: Registry[type[Predictor]] = Registry("method", __name__)
