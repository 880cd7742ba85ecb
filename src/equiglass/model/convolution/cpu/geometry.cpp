// The features of the edges: spherical harmonics and radial basis.
//
// build.py writes a header for each shape, which defines
//   REAL           float or double
//   L_MAX          highest degree
//   BASIS          number of radial basis functions
//   GAUSSIAN       1 for Gaussians, 0 for Bessel functions
//   HARMONICS      {l, m1, m, m', coefficient}, ...: Y^l_m' += coefficient Y^1_m1 Y^{l-1}_m, sorted by l, from l = 2

#include <cmath>

#include "threads.hpp"

constexpr int components = (L_MAX + 1) * (L_MAX + 1);
constexpr int block = 64;

struct Step {
    int l, m_one, m_before, m;
    double coefficient;
};
constexpr Step steps[] = {HARMONICS};
constexpr int n_steps = sizeof(steps) / sizeof(steps[0]);

// The harmonics Y of `block` edges, [component][edge], from their directions times sqrt(3).
static void harmonics_of(const real* unit, real* y) {
    std::fill(y, y + components * block, real(0));
    for (int e = 0; e < block; ++e) y[e] = 1;
    if (L_MAX > 0) std::copy(unit, unit + 3 * block, y + block);
    for (int k = 0; k < n_steps && L_MAX > 1; ++k) {
        const Step s = steps[k];
        const real coefficient = real(s.coefficient);
        const real *one = y + (1 + s.m_one) * block, *before = y + ((s.l - 1) * (s.l - 1) + s.m_before) * block;
        real* to = y + (s.l * s.l + s.m) * block;
        for (int e = 0; e < block; ++e) to[e] += coefficient * one[e] * before[e];
    }
}

// The radial basis of `block` edges, [function][edge], from their distances.
static void basis_of(const double* r, double cutoff, double* b) {
    const double pi = 3.14159265358979323846;
    if (GAUSSIAN) {
        const double width = cutoff / BASIS;
        for (int n = 0; n < BASIS; ++n)
#pragma omp simd
            for (int e = 0; e < block; ++e) {
                const double x = (r[e] - (n + 1) * width) / width;
                b[n * block + e] = std::exp(-0.5 * x * x);
            }
        return;
    }
    // sin((n + 1) x) = 2 cos x sin(n x) - sin((n - 1) x)
    double twice_cosine[block];
    for (int e = 0; e < block; ++e) {
        // sin x = cos y and cos x = -sin y for y = x - pi / 2. Both series are exact to rounding for |y| <= pi / 2.
        const double y = pi / cutoff * r[e] - pi / 2, z = y * y;
        double sine = 1, cosine = 1;
        UNROLL
        for (int k = 20; k > 0; k -= 2) {
            cosine = 1 - z * (1.0 / (k * (k - 1))) * cosine;
            sine = 1 - z * (1.0 / (k * (k + 1))) * sine;
        }
        b[e] = std::sqrt(2 / cutoff) * cosine / r[e];
        twice_cosine[e] = -2 * y * sine;
    }
    for (int n = 1; n < BASIS; ++n)
        for (int e = 0; e < block; ++e)
            b[n * block + e] = twice_cosine[e] * b[(n - 1) * block + e] - (n > 1 ? b[(n - 2) * block + e] : 0.0);
}

template <int COLUMNS, class T>
static void store_rows(const T* from, Index rows, real* to) {
    for (Index e = 0; e < rows; ++e)
        for (int k = 0; k < COLUMNS; ++k) to[e * COLUMNS + k] = real(from[k * block + e]);
}

extern "C" {

// Shapes: vectors (edges, 3), harmonics (edges, components), basis (edges, BASIS).
void equiglass_edges(int threads, Index edges, const real* vectors, double cutoff, real* harmonics, real* basis) {
    in_blocks<block>(threads, edges, [&](int, Index first, Index count) {
        real unit[3 * block], harmonic[components * block];
        double r[block], b[BASIS * block];
        for (int e = 0; e < block; ++e) {
            const real* v = vectors + 3 * (first + std::min<Index>(e, count - 1));
            for (int k = 0; k < 3; ++k) unit[k * block + e] = v[k];
        }
        for (int e = 0; e < block; ++e) {
            const double x = unit[e], y = unit[block + e], z = unit[2 * block + e];
            r[e] = std::sqrt(x * x + y * y + z * z);
            const double factor = std::sqrt(3.0) / r[e];
            unit[e] = real(factor * x);
            unit[block + e] = real(factor * y);
            unit[2 * block + e] = real(factor * z);
        }
        harmonics_of(unit, harmonic);
        basis_of(r, cutoff, b);
        store_rows<components>(harmonic, count, harmonics + first * components);
        store_rows<BASIS>(b, count, basis + first * BASIS);
    });
}

}  // extern "C"
