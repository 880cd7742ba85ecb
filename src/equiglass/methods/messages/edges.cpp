// The edge MLP of message passing with the sum over the edges of every node, and its gradient.
//
//   hidden = relu(W1 e_ij + encoded_ij + receivers_i + senders_j),  new_ij = relu(W2 hidden + b2),  sums_i = sum_j new_ij
//
// A block of edges passes through both layers while it is in the cache. The edges are sorted by receiver, and every
// thread has receivers of its own. The header of the compilation defines WIDTH, a multiple of 16.
#include <algorithm>
#include <cstdint>
#include <cstring>

using Index = std::int64_t;

#if defined(__AVX512F__)
constexpr int lanes = 16, columns = 4;
#elif defined(__AVX__)
constexpr int lanes = 8, columns = 2;
#else
constexpr int lanes = 4, columns = 2;
#endif
typedef float Vector __attribute__((vector_size(lanes * sizeof(float))));

constexpr int vectors = WIDTH / lanes;
constexpr int chunk = vectors % columns ? 1 : columns;
constexpr Index block = 64;
using Row = float[WIDTH];

static inline Vector load(const float* from) {
    Vector x;
    std::memcpy(&x, from, sizeof x);
    return x;
}
static inline void store(float* to, Vector x) { std::memcpy(to, &x, sizeof x); }

// out[r] += sum_k a[r * row + k * step] w[k] for r < R and k < depth.
template <int R>
static inline void product_of(const float* a, Index row, Index step, Index depth, const Row* w, Row* out) {
    for (int first = 0; first < vectors; first += chunk) {
        Vector sum[R][chunk];
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
            for (int v = 0; v < chunk; ++v) sum[r][v] = load(out[r] + (first + v) * lanes);
        for (Index k = 0; k < depth; ++k) {
            Vector of_w[chunk];
#pragma GCC unroll 16
            for (int v = 0; v < chunk; ++v) of_w[v] = load(w[k] + (first + v) * lanes);
#pragma GCC unroll 16
            for (int r = 0; r < R; ++r) {
                const float factor = a[r * row + k * step];
#pragma GCC unroll 16
                for (int v = 0; v < chunk; ++v) sum[r][v] += factor * of_w[v];
            }
        }
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
            for (int v = 0; v < chunk; ++v) store(out[r] + (first + v) * lanes, sum[r][v]);
    }
}

__attribute__((noinline)) static void product(const float* a, Index row, Index step, Index rows, Index depth, const Row* w, Row* out) {
    constexpr int R = 4;
    Index r = 0;
    for (; r + R <= rows; r += R) product_of<R>(a + r * row, row, step, depth, w, out + r);
    for (; r < rows; ++r) product_of<1>(a + r * row, row, step, depth, w, out + r);
}

// Calls work(thread, first edge, last edge) for ranges of whole nodes with about equal numbers of edges.
template <class Work>
static void in_threads(int threads, Index nodes, const Index* row_start, Work&& work) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; ++t) {
        const auto bound = [&](Index at) {
            return *std::lower_bound(row_start, row_start + nodes, row_start[nodes] * at / threads);
        };
        work(t, bound(t), t + 1 == threads ? row_start[nodes] : bound(t + 1));
    }
}

struct Edges {
    const Index *receivers, *senders;
    const Row *edges, *encoded, *to_receivers, *to_senders, *first_transposed;
};

static void hidden_layer(const Edges& x, Index first, Index n, Row* hidden) {
    for (Index e = 0; e < n; ++e) {
        const float *encoded = x.encoded[first + e], *receiver = x.to_receivers[x.receivers[first + e]],
                    *sender = x.to_senders[x.senders[first + e]];
        for (int c = 0; c < WIDTH; ++c) hidden[e][c] = encoded[c] + receiver[c] + sender[c];
    }
    product(x.edges[first], WIDTH, 1, n, WIDTH, x.first_transposed, hidden);
    for (Index e = 0; e < n; ++e)
        for (int c = 0; c < WIDTH; ++c) hidden[e][c] = std::max(hidden[e][c], 0.0f);
}

// The transposed matrices have the inputs of the layer as rows.
extern "C" void equiglass_edges_forward(
    int threads, Index nodes, const Index* row_start, const Index* receivers, const Index* senders, const Row* edges,
    const Row* encoded, const Row* to_receivers, const Row* to_senders, const Row* first_transposed,
    const Row* second_transposed, const float* bias, Row* created, Row* sums) {
    const Edges x{receivers, senders, edges, encoded, to_receivers, to_senders, first_transposed};
    in_threads(threads, nodes, row_start, [&](int, Index begin, Index end) {
        alignas(64) Row hidden[block];
        for (Index first = begin; first < end; first += block) {
            const Index n = std::min(block, end - first);
            hidden_layer(x, first, n, hidden);
            for (Index e = 0; e < n; ++e) std::copy_n(bias, WIDTH, created[first + e]);
            product(hidden[0], WIDTH, 1, n, WIDTH, second_transposed, created + first);
            for (Index e = 0; e < n; ++e) {
                float *sum = sums[receivers[first + e]], *of_edge = created[first + e];
                for (int c = 0; c < WIDTH; ++c) {
                    of_edge[c] = std::max(of_edge[c], 0.0f);
                    sum[c] += of_edge[c];
                }
            }
        }
    });
}

// of_created or of_sums may be null: no gradient. Every thread has gradients of the weights of its own.
extern "C" void equiglass_edges_backward(
    int threads, Index nodes, const Index* row_start, const Index* receivers, const Index* senders, const Row* edges,
    const Row* encoded, const Row* to_receivers, const Row* to_senders, const Row* first_transposed, const Row* weight1,
    const Row* weight2, const Row* created, const Row* of_created, const Row* of_sums, Row* before, Row* of_edges,
    Row* of_receivers, Row* of_weight1, Row* of_weight2, Row* of_bias) {
    const Edges x{receivers, senders, edges, encoded, to_receivers, to_senders, first_transposed};
    in_threads(threads, nodes, row_start, [&](int t, Index begin, Index end) {
        alignas(64) Row hidden[block], after[block];
        for (Index first = begin; first < end; first += block) {
            const Index n = std::min(block, end - first);
            hidden_layer(x, first, n, hidden);
            for (Index e = 0; e < n; ++e) {
                const float* value = created[first + e];
                if (of_sums)
                    std::copy_n(of_sums[receivers[first + e]], WIDTH, after[e]);
                else
                    std::fill_n(after[e], WIDTH, 0.0f);
                if (of_created)
                    for (int c = 0; c < WIDTH; ++c) after[e][c] += of_created[first + e][c];
                for (int c = 0; c < WIDTH; ++c) {
                    after[e][c] = value[c] > 0 ? after[e][c] : 0.0f;
                    of_bias[t][c] += after[e][c];
                }
                std::fill_n(before[first + e], WIDTH, 0.0f);
                std::fill_n(of_edges[first + e], WIDTH, 0.0f);
            }
            product(after[0], 1, WIDTH, WIDTH, n, hidden, of_weight2 + t * WIDTH);
            product(after[0], WIDTH, 1, n, WIDTH, weight2, before + first);
            for (Index e = 0; e < n; ++e) {
                float *of_hidden = before[first + e], *sum = of_receivers[receivers[first + e]];
                for (int c = 0; c < WIDTH; ++c) {
                    of_hidden[c] = hidden[e][c] > 0 ? of_hidden[c] : 0.0f;
                    sum[c] += of_hidden[c];
                }
            }
            product(before[first], 1, WIDTH, WIDTH, n, edges + first, of_weight1 + t * WIDTH);
            product(before[first], WIDTH, 1, n, WIDTH, weight1, of_edges + first);
        }
    });
}
