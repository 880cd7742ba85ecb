"""The paths of the convolution and their coefficients."""

from __future__ import annotations

import numpy as np
import pytest

from equiglass.model.convolution.paths import Path, Paths, clebsch_gordan

# 3 node scalars; hidden and first layer.
HIDDEN, FIRST = Paths(3, 8, (3,)), Paths(3, 0, (3,))


def test_counts_of_the_paper():
    # Pezzicoli 2024, appendix A.2: 284 = 34 x 8 + 4 x 3 and 12 = 4 x 3 combinations.
    assert len(HIDDEN.triplets) == 34
    assert HIDDEN.combinations == 284
    assert FIRST.triplets == tuple(Path(0, l, l) for l in range(4))
    assert FIRST.combinations == 12


def test_vectors_enter_behind_the_field():
    paths = Paths(1, 4, (3, 2))
    assert dict(zip(paths.triplets, paths.widths, strict=True))[Path(0, 1, 1)] == 7
    assert dict(zip(paths.triplets, paths.widths, strict=True))[Path(1, 1, 0)] == 6
    assert {path.l_in for path in Paths(1, 0, (0, 2)).triplets} == {1}


@pytest.mark.parametrize("paths", [HIDDEN, FIRST, Paths(2, 4, (3, 2))])
def test_mixing_matrices_hold_every_combination_once(paths):
    assert sum(paths.combinations_to(l) for l in range(4)) == paths.combinations


def test_coupling_with_a_scalar_is_the_identity():
    for l in range(4):
        np.testing.assert_allclose(clebsch_gordan(Path(l, 0, l))[:, 0], np.eye(2 * l + 1), atol=1e-14)


def test_coefficients_are_orthonormal():
    for path in HIDDEN.triplets:
        c = clebsch_gordan(path).reshape(-1, 2 * path.l_out + 1)
        np.testing.assert_allclose(c.T @ c, np.eye(2 * path.l_out + 1), atol=1e-12)


def test_two_vectors_couple_to_their_dot_and_cross_products():
    # Components y, z, x; the phases are those of e3nn.
    a, b = np.array([0.3, -1.1, 0.7]), np.array([2.0, 0.4, -0.5])
    dot = np.einsum("a,b,abm->m", a, b, clebsch_gordan(Path(1, 1, 0)))
    cross = np.einsum("a,b,abm->m", a, b, clebsch_gordan(Path(1, 1, 1)))
    np.testing.assert_allclose(dot, [a @ b / np.sqrt(3)])
    np.testing.assert_allclose(cross, np.cross(a, b) / np.sqrt(2))
