// The mean and the variance over the edges of the hidden radial units y = relu(W1 B + b1), and their gradient.
//
// build.py writes a header for each shape, which defines
//   REAL           float or double
//   HIDDEN, BASIS  numbers of hidden units and basis functions of the radial MLP

#include "products.hpp"
#include "threads.hpp"

constexpr int hidden_padded = padded(HIDDEN);
constexpr int hidden_lanes = std::min(hidden_padded, lanes_max);
constexpr int hidden_parts = hidden_padded / hidden_lanes;
constexpr int block = 64;
using Hidden = Vector<hidden_lanes>;

// The hidden units y = relu(W1 B + b1) of up to `block` edges.
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

    // Source: T. F. Chan, G. H. Golub, R. J. LeVeque, Am. Stat. 37, 242 (1983).
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

extern "C" {

// The mean and the biased variance of y over the edges, each (HIDDEN).
void equiglass_moments(int threads, Index edges, const real* basis, const real* weight, const real* bias, real* mean,
                       real* variance) {
    const HiddenUnits units(weight, bias);
    std::vector<Moments> parts(threads);
    in_blocks<block>(threads, edges, [&](int t, Index first, Index count) {
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

// The gradients of W1 and b1 from those of the moments.
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
    in_blocks<block>(threads, edges, [&](int t, Index first, Index count) {
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
