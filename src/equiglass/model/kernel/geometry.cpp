// What the network sees of the edges: spherical harmonics and radial basis.
//
// A header that is written for each shape defines
//   REAL           float or double
//   L_MAX          highest degree
//   BASIS          basis functions of the radial networks
//   GAUSSIAN       whether they are Gaussians (else Bessel functions)
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

// Y of `block` edges at once, [component][edge], from their directions times sqrt(3).
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

// [function][edge], from distances.
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
    // Two loops, since GCC joins sine and cosine of one angle in a function that has no vector form.
    const double factor = std::sqrt(2 / cutoff);
    double twice_cosine[block];
#pragma omp simd
    for (int e = 0; e < block; ++e) b[e] = factor * std::sin(pi / cutoff * r[e]) / r[e];
#pragma omp simd
    for (int e = 0; e < block; ++e) twice_cosine[e] = 2 * std::cos(pi / cutoff * r[e]);
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

// vectors (edges, 3); harmonics (edges, components); basis (edges, BASIS).
void equiglass_edges(int threads, Index edges, const real* vectors, double cutoff, real* harmonics, real* basis) {
    in_blocks<block>(threads, edges, [&](int, Index first, Index count) {
        real unit[3 * block], y[components * block];
        double r[block], b[BASIS * block];
        for (int e = 0; e < block; ++e) {
            const real* v = vectors + 3 * (first + std::min<Index>(e, count - 1));
            r[e] = std::sqrt(double(v[0]) * v[0] + double(v[1]) * v[1] + double(v[2]) * v[2]);
            for (int k = 0; k < 3; ++k) unit[k * block + e] = real(std::sqrt(3.0) * v[k] / r[e]);
        }
        harmonics_of(unit, y);
        basis_of(r, cutoff, b);
        store_rows<components>(y, count, harmonics + first * components);
        store_rows<BASIS>(b, count, basis + first * BASIS);
    });
}

}  // extern "C"
