"""Locally favoured structures in the representation: principal components, Gaussian clusters, populations.

The analysis treats each particle type separately, and all temperatures together. |h| is standardised and reduced to the
principal components with 95 % of the variance. A mixture of K Gaussians with full covariances is fitted there, for
K = 1, 2, ... The lowest integrated completed likelihood chooses K:

    ICL = BIC + 2 x entropy of the assignments

Unlike BIC, it prefers clusters that are well separated. It can also choose K = 1, that is, no clusters. The mean
silhouette is reported too.

Source: C. Biernacki, G. Celeux and G. Govaert, IEEE Trans. Pattern Anal. Mach. Intell. 22, 719 (2000), doi
10.1109/34.865189.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.observables import Estimate, bootstrap, pearson

VARIANCE = 0.95
LARGEST_K = 6
SAMPLE = 20_000
"""Number of particles for the fit of components and mixture; the same number per temperature."""

SILHOUETTE_SAMPLE = 3_000


class Criterion(NamedTuple):
    """How well K clusters describe the sample. A lower BIC or ICL is better, and a higher silhouette."""

    clusters: int
    bic: float
    icl: float
    silhouette: float


@dataclass(frozen=True, eq=False)
class Structures:
    """Principal components of |h| of one particle type, and the clusters there.

    Attributes:
        mean: mean of |h| over the sample, (F,).
        scale: standard deviation of |h|; infinite for a component that does not vary, (F,).
        components: the d principal components in use, (d, F).
        explained: fraction of the variance per principal component, descending, (min(n, F),).
        criteria: one entry per number of clusters tried.
        mixture: sklearn.mixture.GaussianMixture with the chosen number of clusters, in these components.
        order: rank of every cluster of the mixture, slowest first, (K,).
    """

    mean: Float
    scale: Float
    components: Float
    explained: Float
    criteria: tuple[Criterion, ...]
    mixture: Any
    order: NDArray[np.intp]

    @property
    def n_clusters(self) -> int:
        """Number K of clusters."""
        return len(self.order)

    def coordinates(self, h: Float) -> Float:
        """Principal components of |h|, (n, d)."""
        return (h - self.mean) / self.scale @ self.components.T

    def assign(self, h: Float) -> NDArray[np.intp]:
        """The most probable structure of every particle, from 0, (n,)."""
        return self.order[self.mixture.predict(self.coordinates(h))]


def find_structures(
    h: Sequence[Float], propensity: Sequence[Float], temperatures: Sequence[float | None]
) -> Structures:
    """Principal components and clusters of the particles of one type.

    Args:
        h: |h| of each configuration, (n_c, F).
        propensity: predicted propensity of each configuration, LJ length, (n_c,). The slowest structure comes first.
        temperatures: temperature of each configuration, LJ units; None if unknown.

    Returns:
        The components, and the clusters of the lowest ICL.

    Raises:
        DataError: there are fewer than ten particles, or the representation does not vary.
    """
    from sklearn.decomposition import PCA

    chosen = _sample([len(part) for part in h], temperatures)
    sample, mobility = np.concatenate(h)[chosen], np.concatenate(propensity)[chosen]
    deviation = sample.std(axis=0)
    varies = deviation > 1e-6 * deviation.max(initial=0)
    if len(sample) < 10 or not varies.any():
        raise DataError(
            f"clusters need ten particles or more with a representation that varies; there are {len(sample)} particles."
        )
    scale = np.where(varies, deviation, np.inf)
    mean = sample.mean(axis=0)
    pca = PCA().fit((sample - mean) / scale)
    kept = min(int(np.searchsorted(np.cumsum(pca.explained_variance_ratio_), VARIANCE)) + 1, int(varies.sum()))
    components = pca.components_[:kept]
    x = (sample - mean) / scale @ components.T
    fits = [_cluster(x, k) for k in range(1, min(LARGEST_K, max(1, len(x) // (10 * kept))) + 1)]
    mixture = min(fits, key=lambda fit: fit[1].icl)[0]
    assigned = mixture.predict(x)
    speed = [mobility[assigned == k].mean() if np.any(assigned == k) else np.inf for k in range(mixture.n_components)]
    order = np.argsort(np.argsort(speed))
    return Structures(mean, scale, components, pca.explained_variance_ratio_, tuple(c for _, c in fits), mixture, order)


def _sample(sizes: Sequence[int], temperatures: Sequence[float | None]) -> NDArray[np.intp]:
    """Indices of at most `SAMPLE` particles, the same number per temperature; the choice is reproducible."""
    of = np.repeat([str(t) for t in temperatures], sizes)
    groups = [np.flatnonzero(of == t) for t in dict.fromkeys(of)]
    n = min(SAMPLE // len(groups), *(len(group) for group in groups)) if groups else 0
    random = np.random.default_rng(0)
    return np.concatenate([random.permutation(group)[:n] for group in groups])


def _cluster(x: Float, k: int) -> tuple[Any, Criterion]:
    from sklearn.metrics import silhouette_score
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(k, n_init=3, max_iter=1000, random_state=0).fit(x)
    probability = mixture.predict_proba(x)
    entropy = -np.sum(probability * np.log(np.maximum(probability, 1e-300)))
    assigned = probability.argmax(axis=1)
    few, labels = x[:: max(1, len(x) // SILHOUETTE_SAMPLE)], assigned[:: max(1, len(x) // SILHOUETTE_SAMPLE)]
    apart = float(silhouette_score(few, labels)) if 1 < len(np.unique(labels)) < len(few) else np.nan
    bic = float(mixture.bic(x))
    return mixture, Criterion(k, bic, bic + 2 * float(entropy), apart)


def populations(assigned: Sequence[NDArray[np.intp]], n_clusters: int) -> Estimate:
    """Fraction of the particles in each structure, (K,), with its bootstrap error over the configurations.

    Args:
        assigned: structure of every particle of a type, one array per configuration of a temperature.
        n_clusters: number K of clusters.
    """
    counts = np.array([np.bincount(each, minlength=n_clusters) for each in assigned])
    return bootstrap(lambda chosen: counts[chosen].sum(axis=0) / counts[chosen].sum(), len(counts))


def energy_correlation(energy: Sequence[Float], predicted: Sequence[Float]) -> Estimate:
    """Pearson rho of predicted and true energy, averaged over the configurations, with its bootstrap error."""
    rho = np.array([pearson(x, y) for x, y in zip(energy, predicted, strict=True)])
    return bootstrap(lambda chosen: np.nanmean(rho[chosen]), len(rho))
