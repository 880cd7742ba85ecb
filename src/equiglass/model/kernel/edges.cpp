// What the network sees of the edges: spherical harmonics and radial basis, and the moments of the hidden radial units.
//
// A header that is written for each shape defines
//   REAL           float or double
//   L_MAX          highest degree
//   HIDDEN, BASIS  hidden units and basis functions of the radial networks
//   GAUSSIAN       whether the basis are Gaussians (else Bessel functions)
//   HARMONICS      {l, m1, m, m', coefficient}, ...: Y^l_m' += coefficient Y^1_m1 Y^{l-1}_m, sorted by l, from l = 2

#include <cmath>

#include "products.hpp"
#include "threads.hpp"

constexpr int components = (L_MAX + 1) * (L_MAX + 1);
constexpr int hidden_padded = padded(HIDDEN);
constexpr int hidden_lanes = std::min(hidden_padded, lanes_max);
constexpr int block = 64;
constexpr int hidden_parts = hidden_padded / hidden_lanes;
using Hidden = Vector<hidden_lanes>;

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

// y = relu(W1 B + b1) of up to `block` edges.
struct HiddenUnits {
    Buffer weight{BASIS * hidden_padded}, bias{hidden_padded};

    HiddenUnits(const real* w, const real* b) {
        for (int k = 0; k < HIDDEN; ++k) {
            bias[k] = b[k];
            for (int n = 0; n < BASIS; ++n) weight[n * hidden_padded + k] = w[k * BASIS + n];
        }
    }
    void evaluate(Index edges, const real* basis, real* y) const {
        multiply<hidden_padded, Start::row, true>(edges, BASIS, basis, BASIS, 1, weight, hidden_padded, y, hidden_padded,
                                                  bias);
    }
};

struct Moments {
    double count = 0, mean[HIDDEN] = {}, squares[HIDDEN] = {};

    // T. F. Chan, G. H. Golub, R. J. LeVeque, Am. Stat. 37, 242 (1983).
    void add(const Moments& other) {
        if (other.count == 0) return;
        const double sum = count + other.count;
        for (int k = 0; k < HIDDEN; ++k) {
            const double shift = other.mean[k] - mean[k];
            mean[k] += shift * other.count / sum;
            squares[k] += other.squares[k] + shift * shift * count * other.count / sum;
        }
        count = sum;
    }
};

static Moments moments_of(Index edges, const real* y) {
    Moments result;
    result.count = double(edges);
    repeat<hidden_parts>([&](auto part) FLAT {
        Hidden sum{}, squares{};
        for (Index e = 0; e < edges; ++e) sum += load<hidden_lanes>(y + e * hidden_padded + part * hidden_lanes);
        const Hidden mean = sum / real(edges);
        for (Index e = 0; e < edges; ++e) {
            const Hidden x = load<hidden_lanes>(y + e * hidden_padded + part * hidden_lanes) - mean;
            squares += x * x;
        }
        for (int lane = 0; lane < hidden_lanes && part * hidden_lanes + lane < HIDDEN; ++lane) {
            result.mean[part * hidden_lanes + lane] = mean[lane];
            result.squares[part * hidden_lanes + lane] = squares[lane];
        }
    });
    return result;
}

// Blocks of edges, shared among threads: work(thread, first edge, number of edges).
template <class Work>
static void in_blocks(int threads, Index edges, Work&& work) {
    const Index blocks = (edges + block - 1) / block;
    in_parts(threads, blocks, [&](int t, Index begin, Index end) {
        for (Index b = begin; b < end; ++b) work(t, b * block, std::min<Index>(block, edges - b * block));
    });
}

extern "C" {

// vectors (edges, 3); harmonics (edges, components); basis (edges, BASIS).
void equiglass_edges(int threads, Index edges, const real* vectors, double cutoff, real* harmonics, real* basis) {
    in_blocks(threads, edges, [&](int, Index first, Index count) {
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

// Mean and biased variance of y over the edges, (HIDDEN) each.
void equiglass_moments(int threads, Index edges, const real* basis, const real* weight, const real* bias, real* mean,
                       real* variance) {
    const HiddenUnits units(weight, bias);
    std::vector<Moments> parts(threads);
    in_blocks(threads, edges, [&](int t, Index first, Index count) {
        alignas(64) real y[block * hidden_padded];
        units.evaluate(count, basis + first * BASIS, y);
        parts[t].add(moments_of(count, y));
    });
    Moments all;
    for (const Moments& part : parts) all.add(part);
    for (int k = 0; k < HIDDEN; ++k) {
        mean[k] = real(all.mean[k]);
        variance[k] = real(all.squares[k] / all.count);
    }
}

// The gradient of the moments to W1 and b1.
void equiglass_moments_backward(int threads, Index edges, const real* basis, const real* weight, const real* bias,
                                const real* mean, const real* dmean, const real* dvariance, real* dweight,
                                real* dbias) {
    const HiddenUnits units(weight, bias);
    Buffer offset(hidden_padded), slope(hidden_padded);
    for (int k = 0; k < HIDDEN; ++k) {
        slope[k] = 2 * dvariance[k] / real(edges);
        offset[k] = dmean[k] / real(edges) - slope[k] * mean[k];
    }
    constexpr int rows = BASIS + 1;
    std::vector<Buffer> parts;
    for (int t = 0; t < threads; ++t) parts.emplace_back(rows * hidden_padded);
    in_blocks(threads, edges, [&](int t, Index first, Index count) {
        alignas(64) real y[block * hidden_padded];
        const real one = 1;
        units.evaluate(count, basis + first * BASIS, y);
        for (Index at = 0; at < count * hidden_padded; at += hidden_lanes) {
            const Index k = at % hidden_padded;
            const Hidden x = load<hidden_lanes>(y + at);
            const Hidden dy = load<hidden_lanes>(offset + k) + load<hidden_lanes>(slope + k) * x;
            store<hidden_lanes>(y + at, x > 0 ? dy : Hidden{});
        }
        multiply<hidden_padded>(BASIS, count, basis + first * BASIS, 1, BASIS, y, hidden_padded, parts[t],
                                hidden_padded);
        multiply<hidden_padded>(1, count, &one, 0, 0, y, hidden_padded, parts[t] + BASIS * hidden_padded,
                                hidden_padded);
    });
    for (int k = 0; k < HIDDEN; ++k)
        for (int n = 0; n < rows; ++n) {
            real sum = 0;
            for (Buffer& part : parts) sum += part[n * hidden_padded + k];
            (n < BASIS ? dweight[k * BASIS + n] : dbias[k]) = sum;
        }
}

}  // extern "C"
