// The sizes of one layer, which are fixed at compile time. build.py writes a header for each shape, which defines
//   REAL           float or double
//   L_MAX          highest degree
//   FIELD          number of channels of the field h, 0 in the first layer
//   INPUTS         numbers of channels of the node inputs, by degree
//   CHANNELS_OUT   number of channels of the output
//   HIDDEN, BASIS  numbers of hidden units and basis functions of the radial MLP
//   PATHS          {lI, lF, lO}, ... sorted by lI
//   COUPLINGS      {path, mI, mF, mO, coefficient}, ... sorted by path, then mO
//   COUPLINGS_BACK {path, mI, mF, mO, coefficient}, ... sorted by path, then mF, then mI
#pragma once

#include "vectors.hpp"

struct Path {
    int l_in, l_edge, l_out;
};
constexpr Path paths[] = {PATHS};
constexpr int n_paths = sizeof(paths) / sizeof(paths[0]);
constexpr int inputs[L_MAX + 1] = {INPUTS};
constexpr int components = (L_MAX + 1) * (L_MAX + 1);

// The place of the inputs of degree l in the row of a node. They have the layout (m, channel).
constexpr int input_offset(int l) { return l == 0 ? 0 : input_offset(l - 1) + (2 * l - 1) * inputs[l - 1]; }
constexpr int input_size = input_offset(L_MAX) + (2 * L_MAX + 1) * inputs[L_MAX];

constexpr int first_of(int l_in) {
    int p = 0;
    while (p < n_paths && paths[p].l_in < l_in) ++p;
    return p;
}

// The paths with the same lI. They read the same rows of the neighbours, and their phi are computed together.
template <int LI>
struct Group {
    static constexpr int first = first_of(LI), last = first_of(LI + 1);
    static constexpr bool any = first < last;
    static constexpr int rows = 2 * LI + 1;
    static constexpr int channels = FIELD + inputs[LI];
    static constexpr int width = padded(channels);
    static constexpr int lanes = rows * width;
    static constexpr int rest = lanes % lanes_max;
    static constexpr int tail = rest && power_of_two(rest) < lanes_max ? power_of_two(rest) : 0;
    static constexpr int full = lanes / lanes_max + (rest && !tail);
    static constexpr int vectors = full + (tail > 0);
    static constexpr int used = full * lanes_max + tail;
    static constexpr int stride = round_up(lanes, lanes_max);
    // Whether the rows of the field are whole vectors in memory, without padding.
    static constexpr bool plain = FIELD == width && lanes == used;
    static constexpr int columns = round_up((last - first) * width, lanes_max);
    // The number of lanes of vector v.
    static constexpr int lanes_of(int v) { return v < full ? lanes_max : tail; }
};

template <int P>
using GroupOf = Group<paths[P].l_in>;

constexpr int channels_of(int p) { return FIELD + inputs[paths[p].l_in]; }
constexpr int width_of(int p) { return padded(channels_of(p)); }
constexpr int edge_components(int p) { return 2 * paths[p].l_edge + 1; }
constexpr int out_components(int p) { return 2 * paths[p].l_out + 1; }

// The place of path p in the rows of W2, in M, and in the padded columns of W2.
constexpr int weight_offset(int p) { return p == 0 ? 0 : weight_offset(p - 1) + channels_of(p - 1); }
constexpr int message_offset(int p) {
    return p == 0 ? 0 : message_offset(p - 1) + out_components(p - 1) * width_of(p - 1);
}
constexpr int columns_of(int l_in) {
    const int before = first_of(l_in + 1) - first_of(l_in);
    return before ? round_up(before * width_of(first_of(l_in)), lanes_max) : 0;
}
constexpr int group_offset(int l_in) { return l_in == 0 ? 0 : group_offset(l_in - 1) + columns_of(l_in - 1); }
constexpr int column_of(int p) {
    return group_offset(paths[p].l_in) + (p - first_of(paths[p].l_in)) * width_of(p);
}
// The mixing matrices are sorted by lO. The rows of each are (path, channel).
constexpr int mix_offset(int p) {
    int rows = 0;
    for (int q = 0; q < n_paths; ++q)
        if (paths[q].l_out < paths[p].l_out || (paths[q].l_out == paths[p].l_out && q < p)) rows += channels_of(q);
    return rows;
}
constexpr int combinations = weight_offset(n_paths);
constexpr int message_size = message_offset(n_paths);
constexpr int phi_columns = group_offset(L_MAX + 1);
constexpr int hidden_padded = padded(HIDDEN);
constexpr int out_padded = padded(CHANNELS_OUT);
constexpr int columns_max() {
    int most = 0;
    for (int l = 0; l <= L_MAX; ++l) most = std::max(most, columns_of(l));
    return most;
}
constexpr int stride_of(int l) { return round_up((2 * l + 1) * padded(FIELD + inputs[l]), lanes_max); }
constexpr int stride_max() {
    int most = 0;
    for (int l = 0; l <= L_MAX; ++l) most = std::max(most, stride_of(l));
    return most;
}

// The place of A, and of dA in the backward pass, of path p in its group. The layout is [path][mF][mI, channel].
constexpr int coupled_offset(int p) {
    int rows = 0;
    for (int q = first_of(paths[p].l_in); q < p; ++q) rows += edge_components(q);
    return rows * stride_of(paths[p].l_in);
}
constexpr int coupled_size() {
    int most = 0;
    for (int p = 0; p < n_paths; ++p)
        most = std::max(most, coupled_offset(p) + edge_components(p) * stride_of(paths[p].l_in));
    return most;
}

// ----------------------------------------------------------------------------------- Clebsch-Gordan coefficients

struct Coupling {
    int path, m_in, m_edge, m_out;
    double coefficient;
};
// Sorted by (path, mO), and by (path, mF, mI).
constexpr Coupling couplings[] = {COUPLINGS};
constexpr Coupling couplings_back[] = {COUPLINGS_BACK};
constexpr int n_couplings = sizeof(couplings) / sizeof(couplings[0]);

// The index of the first coupling of (path, mO), or of (path, row) with row = (mF, mI), or after it.
constexpr int coupling_at(int path, int m_out) {
    int k = 0;
    while (k < n_couplings && (couplings[k].path < path || (couplings[k].path == path && couplings[k].m_out < m_out)))
        ++k;
    return k;
}
constexpr int coupling_back_at(int path, int row) {
    const int rows = 2 * paths[path].l_in + 1;
    int k = 0;
    while (k < n_couplings && (couplings_back[k].path < path ||
                               (couplings_back[k].path == path &&
                                couplings_back[k].m_edge * rows + couplings_back[k].m_in < row)))
        ++k;
    return k;
}

// M[mO] = norm sum_{mI, mF} coefficient A[mF][mI] of path P. The sums are unrolled, so the coefficients are constants.
template <int P>
INLINE void couple(const real* a, real norm, real* message) {
    using G = GroupOf<P>;
    constexpr int W = std::min(G::width, lanes_max);
    repeat<out_components(P)>([&](auto m_out) FLAT {
        constexpr int from = coupling_at(P, m_out), to = coupling_at(P, m_out + 1);
        repeat<G::width / W>([&](auto n) FLAT {
            Vector<W> sum{};
            UNROLL
            for (int k = from; k < to; ++k) {
                const Coupling& c = couplings[k];
                sum += load<W>(a + c.m_edge * G::stride + c.m_in * G::width + n * W) * real(c.coefficient);
            }
            store<W>(message + m_out * G::width + n * W, sum * norm);
        });
    });
}

// dA[mF][mI] = norm sum_mO coefficient dM[mO] of path P.
template <int P>
INLINE void couple_back(const real* dmessage, real norm, real* da) {
    using G = GroupOf<P>;
    constexpr int W = std::min(G::width, lanes_max);
    repeat<edge_components(P) * G::rows>([&](auto row) FLAT {
        constexpr int from = coupling_back_at(P, row), to = coupling_back_at(P, row + 1);
        repeat<G::width / W>([&](auto n) FLAT {
            Vector<W> sum{};
            UNROLL
            for (int k = from; k < to; ++k)
                sum += load<W>(dmessage + couplings_back[k].m_out * G::width + n * W) *
                       real(couplings_back[k].coefficient);
            store<W>(da + row / G::rows * G::stride + row % G::rows * G::width + n * W, sum * norm);
        });
    });
}
