// The moments of Gaussian shells. shells.py has the same sums in numpy.
//
//   C_i(s, k, l, m) = sum_{j of type s} exp(-(r_ij - r_k)^2 / (2 w^2)) Y_lm(a_ij / r_ij),   |r_ij - r_k| < reach w
//
//   shell_sums    sums[i][s][k] = C_i(s, k, 0, 0), from a list that contains every pair once, in any order
//   shell_norms   norms[i][s][k][l] = sqrt(sum_m C_i(s, k, l, m)^2), from a list that contains both directions of every
//                 pair and is sorted by receiver: the pairs of particle i are first[i] to first[i + 1]

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace {

using Index = std::int64_t;

struct Shells {
    double centre, spacing, width, reach;
    Index number;

    // Calls use(k, exp(-(r - r_k)^2 / (2 w^2))) for the shells within reach. A recurrence gives the next Gaussian.
    template <typename Use>
    void around(double r, Use use) const {
        const double h = spacing / width, place = (r - centre) / width;
        Index k = 0, end = std::abs(place) < reach ? 1 : 0;
        if (number > 1) {
            k = std::max<Index>(0, Index(std::floor((place - reach) / h)) + 1);
            end = std::min(number, Index(std::ceil((place + reach) / h)));
        }
        if (k >= end) return;
        const double offset = place - k * h, narrowing = std::exp(-h * h);
        double gaussian = std::exp(-0.5 * offset * offset), ratio = std::exp(h * (offset - 0.5 * h));
        for (; k < end; ++k, gaussian *= ratio, ratio *= narrowing) use(k, gaussian);
    }
};

constexpr int lanes = 16;  // number of neighbours whose harmonics are computed together, by vector instructions

// Real spherical harmonics of unit norm, sum_m Y_lm^2 = 1, as in shells.py: harmonics[component * lanes + neighbour].
struct Harmonics {
    int l_max;
    std::vector<double> sectoral, below, inverse;

    explicit Harmonics(int degree) : l_max(degree), sectoral(degree + 1, 1.0) {
        for (int m = 1; m <= l_max; ++m) sectoral[m] = sectoral[m - 1] * std::sqrt((2.0 * m - 1) / (2.0 * m));
        for (int m = 0; m <= l_max; ++m)
            for (int l = m + 1; l <= l_max; ++l) {
                below.push_back(std::sqrt(double((l - 1) * (l - 1) - m * m)));
                inverse.push_back(1.0 / std::sqrt(double(l * l - m * m)));
            }
    }

    void operator()(const double* x, const double* y, const double* z, double* harmonics) const {
        double real[lanes], imaginary[lanes], before[lanes], legendre[lanes];
        std::fill_n(real, lanes, 1.0);
        std::fill_n(imaginary, lanes, 0.0);
        std::size_t entry = 0;
        for (int m = 0; m <= l_max; ++m) {
            if (m > 0)
                for (int b = 0; b < lanes; ++b) {
                    const double turned = real[b] * x[b] - imaginary[b] * y[b];
                    imaginary[b] = real[b] * y[b] + imaginary[b] * x[b];
                    real[b] = turned;
                }
            std::fill_n(before, lanes, 0.0);
            std::fill_n(legendre, lanes, sectoral[m]);
            for (int l = m; l <= l_max; ++l) {
                if (l > m) {
                    const double step = (2 * l - 1) * inverse[entry], back = below[entry] * inverse[entry];
                    for (int b = 0; b < lanes; ++b) {
                        const double next = step * z[b] * legendre[b] - back * before[b];
                        before[b] = legendre[b];
                        legendre[b] = next;
                    }
                    ++entry;
                }
                double* out = harmonics + (l * l + (m > 0 ? 2 * m - 1 : 0)) * lanes;
                for (int b = 0; b < lanes; ++b) {
                    if (m == 0) {
                        out[b] = legendre[b];
                    } else {
                        out[b] = std::sqrt(2.0) * legendre[b] * real[b];
                        out[b + lanes] = std::sqrt(2.0) * legendre[b] * imaginary[b];
                    }
                }
            }
        }
    }
};

}  // namespace

extern "C" void shell_sums(
    Index pairs, const Index* first_ends, const Index* second_ends, const double* distances, const Index* types,
    Index n_types, Index number, double centre, double spacing, double width, double reach, double* sums) {
    const Shells shells{centre, spacing, width, reach, number};
    for (Index e = 0; e < pairs; ++e) {
        const Index i = first_ends[e], j = second_ends[e];
        double* of_i = sums + (i * n_types + types[j]) * number;
        double* of_j = sums + (j * n_types + types[i]) * number;
        shells.around(distances[e], [&](Index k, double gaussian) {
            of_i[k] += gaussian;
            of_j[k] += gaussian;
        });
    }
}

extern "C" void shell_norms(
    Index particles, const Index* first, const Index* sender_types, const double* vectors, const double* distances,
    Index n_types, Index number, double centre, double spacing, double width, double reach, Index l_max,
    double* norms) {
    const Shells shells{centre, spacing, width, reach, number};
    const Harmonics evaluate{int(l_max)};
    const Index components = (l_max + 1) * (l_max + 1);
    std::vector<double> moments(n_types * number * components), block(components * lanes), harmonics(components);
    for (Index i = 0; i < particles; ++i) {
        std::fill(moments.begin(), moments.end(), 0.0);
        for (Index start = first[i]; start < first[i + 1]; start += lanes) {
            const int count = int(std::min<Index>(lanes, first[i + 1] - start));
            double x[lanes] = {}, y[lanes] = {}, z[lanes] = {};
            for (int b = 0; b < count; ++b) {
                const Index e = start + b;
                x[b] = vectors[3 * e] / distances[e];
                y[b] = vectors[3 * e + 1] / distances[e];
                z[b] = vectors[3 * e + 2] / distances[e];
            }
            evaluate(x, y, z, block.data());
            for (int b = 0; b < count; ++b) {
                const Index e = start + b;
                for (Index c = 0; c < components; ++c) harmonics[c] = block[c * lanes + b];
                double* of_type = moments.data() + sender_types[e] * number * components;
                shells.around(distances[e], [&](Index k, double gaussian) {
                    double* into = of_type + k * components;
                    for (Index c = 0; c < components; ++c) into[c] += gaussian * harmonics[c];
                });
            }
        }
        const double* moment = moments.data();
        for (Index row = 0; row < n_types * number; ++row)
            for (Index l = 0; l <= l_max; ++l) {
                double squared = 0.0;
                for (Index m = 0; m <= 2 * l; ++m, ++moment) squared += *moment * *moment;
                *norms++ = std::sqrt(squared);
            }
    }
}
