"""What a method may need of a configuration beyond positions, types and box."""

from typing import Literal

Need = Literal["potential", "inherent", "cage"]
"""The pair potential, the inherent structure, or the state of the cages. The potential determines the last two."""
