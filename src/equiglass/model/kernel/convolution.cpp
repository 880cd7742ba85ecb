// The equivariant convolution of one layer and its gradient, for one shape fixed at compile time.
//
//   A_i[p, mI, mF, c] = sum_{j in N(i)} phi_p,c(r_ij) h_j[mI, c] Y_ij[mF]                 delayed coupling
//   M_i[p, mO, c]     = norm sum_{mI, mF} <lI mI lF mF | lO mO> A_i[p, mI, mF, c]
//   out_i[mO, c']     = sum_{p -> lO} sum_c mix[(p, c), c'] M_i[p, mO, c]
//   phi_ij            = relu(W2 u_ij + b2)                                               radial weights of one edge
//
// (Pezzicoli, Charpiat, Landes, arXiv:2211.03226, eqs 18-20 and 25.) p = (lI, lF, lO) runs over the paths; the
// channels of lI = 0 are those of h followed by the node scalars s.
//
// Scheme. One receiver at a time, and within it one lI at a time: the rows h_j of its neighbours are gathered and
// their phi computed into buffers that fit the first-level cache, so phi is never stored for all edges. Lanes of the
// vector registers are (mI, channel), flattened. For each path the sum over neighbours stays in registers,
// (2 lF + 1) of them for each vector of lanes; coupling and mixing come once per receiver, not once per edge.
// The backward pass mirrors this: dA of one path stays in registers while its neighbours pass by; phi is computed
// again, M was kept. Gradients that meet in one place (dh of a sender, the weights) are summed in a buffer of each
// thread, and those in the order of the threads: the same number of threads gives the same bits.
//
// Given by the compiler's command line: REAL, L_MAX, CHANNELS (of h), SCALARS (of s), CHANNELS_OUT, HIDDEN (length of
// u) and PATHS, the list {lI, lF, lO}, ... sorted by lI.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <utility>
#include <vector>

namespace {

using real = REAL;
using Index = std::int64_t;

struct Path {
    int l_in, l_edge, l_out;
};
constexpr Path paths[] = {PATHS};
constexpr int n_paths = sizeof(paths) / sizeof(paths[0]);
constexpr int components = (L_MAX + 1) * (L_MAX + 1);

// ---------------------------------------------------------------------------------------------- vectors of lanes

#if defined(__AVX512F__)
constexpr int register_bytes = 64, register_count = 32;
#elif defined(__AVX__)
constexpr int register_bytes = 32, register_count = 16;
#elif defined(__aarch64__)
constexpr int register_bytes = 16, register_count = 32;
#else
constexpr int register_bytes = 16, register_count = 16;
#endif
constexpr int lanes_max = register_bytes / int(sizeof(real));
constexpr int accumulators_max = register_count == 32 ? 28 : 12;

template <int W>
struct VectorOf {
    typedef real type __attribute__((vector_size(W * sizeof(real))));
};
template <int W>
using Vector = typename VectorOf<W>::type;

#define INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
// Loops of constant length over arrays of registers.
#define UNROLL _Pragma("GCC unroll 16")

template <int W>
INLINE Vector<W> load(const real* from) {
    Vector<W> x;
    std::memcpy(&x, from, sizeof x);
    return x;
}

template <int W>
INLINE void store(real* to, Vector<W> x) {
    std::memcpy(to, &x, sizeof x);
}

// GCC would rather load a row again for each of its uses, and loads are what limits the small products.
template <int W>
INLINE void keep_in_register([[maybe_unused]] Vector<W>& x) {
#if defined(__AVX512F__) && !defined(__clang__)
    if constexpr (W == lanes_max) asm("" : "+v"(x));
#endif
}

// body(constant 0), ..., body(constant N - 1): a loop whose index can size types and never survives into the code.
template <class Body, int... I>
INLINE void repeat(Body&& body, std::integer_sequence<int, I...>) {
    (body(std::integral_constant<int, I>{}), ...);
}
template <int N, class Body>
INLINE void repeat(Body&& body) {
    repeat(body, std::make_integer_sequence<int, N>{});
}

// Lanes number I of x.
template <int W, int... I>
INLINE Vector<sizeof...(I)> pick(Vector<W> x) {
#if __has_builtin(__builtin_shufflevector)
    return __builtin_shufflevector(x, x, I...);
#else
    return Vector<sizeof...(I)>{x[I]...};
#endif
}

template <int W, int... I>
INLINE Vector<2 * W> twice(Vector<W> x, std::integer_sequence<int, I...>) {
    return pick<W, (I % W)...>(x);
}

// W lanes of a row of C numbers repeated without end, where C divides W or W divides C.
template <int W, int C>
INLINE Vector<W> load_tiled(const real* row) {
    if constexpr (C >= W)
        return load<W>(row);
    else if constexpr (C == 1)
        return Vector<W>{} + row[0];
    else
        return twice<W / 2>(load_tiled<W / 2, C>(row), std::make_integer_sequence<int, W>{});
}

template <int W, int... I>
INLINE Vector<W / 2> halves_added(Vector<W> x, std::integer_sequence<int, I...>) {
    return pick<W, I...>(x) + pick<W, (W / 2 + I)...>(x);
}

// Sums lanes that belong to one channel: C numbers from W lanes.
template <int W, int C>
INLINE Vector<(C < W ? C : W)> fold(Vector<W> x) {
    if constexpr (C >= W)
        return x;
    else if constexpr (W == 2)
        return Vector<1>{x[0] + x[1]};
    else
        return fold<W / 2, C>(halves_added<W>(x, std::make_integer_sequence<int, W / 2>{}));
}

constexpr int power_of_two(int n) {
    int p = 1;
    while (p < n) p *= 2;
    return p;
}
constexpr int round_up(int n, int step) { return (n + step - 1) / step * step; }
// Channels are padded so that a row is one vector or several full ones.
constexpr int padded(int n) { return n <= lanes_max ? power_of_two(n) : round_up(n, lanes_max); }

// ------------------------------------------------------------------------------------ sizes that follow the shape

constexpr int first_of(int l_in) {
    int p = 0;
    while (p < n_paths && paths[p].l_in < l_in) ++p;
    return p;
}

// The paths that share lI: they read the same rows of h and their phi are computed together.
template <int LI>
struct Group {
    static constexpr int first = first_of(LI), last = first_of(LI + 1);
    static constexpr int rows = 2 * LI + 1;
    static constexpr int channels = LI == 0 ? CHANNELS + SCALARS : CHANNELS;
    static constexpr int width = padded(channels);
    static constexpr int lanes = rows * width;
    static constexpr int rest = lanes % lanes_max;
    static constexpr int tail = rest && power_of_two(rest) < lanes_max ? power_of_two(rest) : 0;
    static constexpr int full = lanes / lanes_max + (rest && !tail);
    static constexpr int vectors = full + (tail > 0);
    static constexpr int used = full * lanes_max + tail;
    static constexpr int stride = round_up(lanes, lanes_max);
    static constexpr int columns = round_up((last - first) * width, lanes_max);
    // Lanes of vector v.
    static constexpr int lanes_of(int v) { return v < full ? lanes_max : tail; }
};

template <int P>
using GroupOf = Group<paths[P].l_in>;

constexpr int channels_of(int p) { return paths[p].l_in == 0 ? CHANNELS + SCALARS : CHANNELS; }
constexpr int width_of(int p) { return padded(channels_of(p)); }

// Where path p begins: in rows of W2, in the columns of the padded W2, in M.
constexpr int weight_offset(int p) { return p == 0 ? 0 : weight_offset(p - 1) + channels_of(p - 1); }
constexpr int message_offset(int p) {
    return p == 0 ? 0 : message_offset(p - 1) + (2 * paths[p - 1].l_out + 1) * width_of(p - 1);
}
constexpr int group_offset(int l_in) {
    if (l_in == 0) return 0;
    const int before = first_of(l_in) - first_of(l_in - 1);
    return group_offset(l_in - 1) + (before ? round_up(before * width_of(first_of(l_in - 1)), lanes_max) : 0);
}
// The mixing matrices follow one another by lO; within one, rows are (path, channel).
constexpr int mix_offset(int p) {
    int rows = 0;
    for (int q = 0; q < n_paths; ++q)
        if (paths[q].l_out < paths[p].l_out || (paths[q].l_out == paths[p].l_out && q < p)) rows += channels_of(q);
    return rows;
}
constexpr int combinations = weight_offset(n_paths);
constexpr int message_size = message_offset(n_paths);
constexpr int groups = paths[n_paths - 1].l_in + 1;
constexpr int phi_columns = group_offset(groups);
constexpr int hidden_padded = padded(HIDDEN);
constexpr int out_padded = padded(CHANNELS_OUT);
constexpr int columns_max() {
    int most = 0;
    for (int l = 0; l < groups; ++l) most = std::max(most, group_offset(l + 1) - group_offset(l));
    return most;
}
constexpr int width_max = std::max(width_of(0), width_of(n_paths - 1));
constexpr int stride_max = round_up(std::max(width_of(0), (2 * (groups - 1) + 1) * width_of(n_paths - 1)), lanes_max);

// ------------------------------------------------------------------------------------------------ small products

// c[m, :] = (from c, a row, or zero) + sum_k a[m * row + k * step] b[k, :] for a block of rows and columns.
enum class Start { zero, row, here };

template <int ROWS, int W, int COLUMNS, Start START, bool RELU>
INLINE void multiply_block(Index terms, const real* a, Index row, Index step, const real* b, Index b_stride, real* c,
                           Index c_stride, const real* start) {
    Vector<W> sum[ROWS][COLUMNS];
    UNROLL
    for (int m = 0; m < ROWS; ++m)
        UNROLL
        for (int n = 0; n < COLUMNS; ++n)
            sum[m][n] = START == Start::zero  ? Vector<W>{}
                        : START == Start::row ? load<W>(start + n * W)
                                              : load<W>(c + m * c_stride + n * W);
    for (Index k = 0; k < terms; ++k) {
        Vector<W> right[COLUMNS];
        UNROLL
        for (int n = 0; n < COLUMNS; ++n) {
            right[n] = load<W>(b + k * b_stride + n * W);
            keep_in_register<W>(right[n]);
        }
        UNROLL
        for (int m = 0; m < ROWS; ++m) {
            const real left = a[m * row + k * step];
            UNROLL
            for (int n = 0; n < COLUMNS; ++n) sum[m][n] += right[n] * left;
        }
    }
    UNROLL
    for (int m = 0; m < ROWS; ++m)
        UNROLL
        for (int n = 0; n < COLUMNS; ++n) {
            const Vector<W> value = sum[m][n];
            if constexpr (RELU)
                store<W>(c + m * c_stride + n * W, value > 0 ? value : Vector<W>{});
            else
                store<W>(c + m * c_stride + n * W, value);
        }
}

// The same for any number of rows, in blocks of ROWS, of half of that, ...; WIDTH columns in whole vectors.
template <int ROWS, int W, int COLUMNS, Start START, bool RELU>
INLINE void multiply_rows(Index rows, Index terms, const real* a, Index row, Index step, const real* b, Index b_stride,
                          real* c, Index c_stride, const real* start) {
    Index m = 0;
    for (; m + ROWS <= rows; m += ROWS)
        multiply_block<ROWS, W, COLUMNS, START, RELU>(terms, a + m * row, row, step, b, b_stride, c + m * c_stride,
                                                      c_stride, start);
    if constexpr (ROWS > 1)
        multiply_rows<ROWS / 2, W, COLUMNS, START, RELU>(rows - m, terms, a + m * row, row, step, b, b_stride,
                                                         c + m * c_stride, c_stride, start);
}

template <int WIDTH, Start START = Start::here, bool RELU = false, int ROWS = 8>
INLINE void multiply(Index rows, Index terms, const real* a, Index row, Index step, const real* b, Index b_stride,
                     real* c, Index c_stride, const real* start = nullptr) {
    constexpr int W = std::min(WIDTH, lanes_max);
    constexpr int vectors = WIDTH / W;
    constexpr int blocks = (vectors + 5) / 6, per_block = (vectors + blocks - 1) / blocks;
    repeat<blocks>([&](auto block) {
        constexpr int from = block * per_block, columns = std::min(per_block, vectors - from);
        constexpr int at_once = std::max(1, std::min(ROWS, accumulators_max * 6 / 7 / columns));
        multiply_rows<at_once, W, columns, START, RELU>(rows, terms, a, row, step, b + from * W, b_stride,
                                                        c + from * W, c_stride, start + from * W);
    });
}

// ------------------------------------------------------------------------------------------------- memory, threads

class Buffer {
public:
    Buffer() = default;
    explicit Buffer(Index size) : data_(allocate(size)) { std::fill(data_, data_ + size, real(0)); }
    Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        return *this;
    }
    ~Buffer() { ::operator delete(data_, std::align_val_t(64)); }
    operator real*() { return data_; }
    operator const real*() const { return data_; }

private:
    static real* allocate(Index size) {
        return static_cast<real*>(::operator new(std::max<Index>(size, 1) * sizeof(real), std::align_val_t(64)));
    }
    real* data_ = nullptr;
};

// Calls work(thread, begin, end) for consecutive ranges of receivers with about equal numbers of edges. OpenMP, since
// torch's own threads, which wait for work in a busy loop, are then the ones that do it.
template <class Work>
void in_threads(int threads, Index nodes, const Index* row_ptr, Work&& work) {
    std::vector<Index> bounds(threads + 1, nodes);
    bounds[0] = 0;
    for (int t = 1; t < threads; ++t) {
        const Index wanted = row_ptr[nodes] / threads * t;
        bounds[t] = std::lower_bound(row_ptr, row_ptr + nodes, wanted) - row_ptr;
    }
    std::vector<std::exception_ptr> failures(threads);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; ++t) {
        try {
            work(t, bounds[t], bounds[t + 1]);
        } catch (...) {
            failures[t] = std::current_exception();
        }
    }
    for (auto& failure : failures)
        if (failure) std::rethrow_exception(failure);
}

// ---------------------------------------------------------------------------------------------- weights, coupling

// W2 and b2 with the columns of each group padded to whole vectors: by hidden unit (forward) and by column (backward).
struct RadialWeights {
    Buffer by_hidden{HIDDEN * phi_columns}, by_column{phi_columns * hidden_padded}, bias{phi_columns};

    RadialWeights(const real* weights, const real* biases) {
        for_columns([&](int combination, int column) {
            bias[column] = biases[combination];
            for (int k = 0; k < HIDDEN; ++k) {
                by_hidden[k * phi_columns + column] = weights[combination * HIDDEN + k];
                by_column[column * hidden_padded + k] = weights[combination * HIDDEN + k];
            }
        });
    }

    // body(row of W2, padded column).
    template <class Body>
    static void for_columns(Body&& body) {
        for (int p = 0; p < n_paths; ++p)
            for (int c = 0; c < channels_of(p); ++c) {
                const int l = paths[p].l_in;
                body(weight_offset(p) + c, group_offset(l) + (p - first_of(l)) * width_of(p) + c);
            }
    }
};

// The mixing matrices with padded rows, as they are and transposed path by path.
struct Mixing {
    Buffer rows{combinations * out_padded}, transposed{combinations_padded() * CHANNELS_OUT};

    explicit Mixing(const real* mix) {
        for (int p = 0; p < n_paths; ++p)
            for (int c = 0; c < channels_of(p); ++c)
                for (int o = 0; o < CHANNELS_OUT; ++o) {
                    const real value = mix[(mix_offset(p) + c) * CHANNELS_OUT + o];
                    rows[(mix_offset(p) + c) * out_padded + o] = value;
                    transposed[transposed_offset(p) + o * width_of(p) + c] = value;
                }
    }
    static constexpr int combinations_padded() {
        int sum = 0;
        for (int p = 0; p < n_paths; ++p) sum += width_of(p);
        return sum;
    }
    static constexpr int transposed_offset(int p) {
        int sum = 0;
        for (int q = 0; q < p; ++q) sum += width_of(q) * CHANNELS_OUT;
        return sum;
    }
};

// Clebsch-Gordan coefficients times norm as a sparse map from the rows of A to those of M (forward), or back.
struct Coupling {
    struct Term {
        std::int32_t path, m_in, m_edge, m_out;
    };
    std::vector<int> begin[n_paths];
    std::vector<int> source;
    std::vector<real> value;

    // Terms into row(term) of path p, reading from offset(term).
    template <class Row, class Offset>
    Coupling(int n_terms, const Term* terms, const double* values, double norm, int (*rows)(Path), Row&& row,
             Offset&& offset) {
        std::vector<int> order(n_terms);
        for (int k = 0; k < n_terms; ++k) order[k] = k;
        std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
            return std::make_pair(terms[a].path, row(terms[a])) < std::make_pair(terms[b].path, row(terms[b]));
        });
        int k = 0;
        for (int p = 0; p < n_paths; ++p) {
            for (int r = 0; r < rows(paths[p]); ++r) {
                begin[p].push_back(k);
                for (; k < n_terms && terms[order[k]].path == p && row(terms[order[k]]) == r; ++k) {
                    source.push_back(offset(terms[order[k]]));
                    value.push_back(real(norm * values[order[k]]));
                }
            }
            begin[p].push_back(k);
        }
    }

    // to[place(row)] = sum of value * from[source], rows of WIDTH channels.
    template <int WIDTH, class Place>
    INLINE void apply(int p, const real* from, real* to, Place&& place) const {
        constexpr int W = std::min(WIDTH, lanes_max);
        const int rows = int(begin[p].size()) - 1;
        for (int r = 0; r < rows; ++r)
            repeat<WIDTH / W>([&](auto n) {
                Vector<W> sum{};
                for (int k = begin[p][r]; k < begin[p][r + 1]; ++k)
                    sum += load<W>(from + source[k] + n * W) * value[k];
                store<W>(to + place(r) + n * W, sum);
            });
    }
};

// A of one path is stored as [mF][mI, channel].
int coupled_stride(int p) { return round_up((2 * paths[p].l_in + 1) * width_of(p), lanes_max); }
int place_of(Coupling::Term t) { return t.m_edge * coupled_stride(t.path) + t.m_in * width_of(t.path); }

// ------------------------------------------------------------------------------------------- sums over neighbours

// Registers of one path: for each vector of lanes, one for each mF.
template <int P, int V0, int V1>
struct Accumulators {
    using G = GroupOf<P>;
    static constexpr int n_edge = 2 * paths[P].l_edge + 1;
    static constexpr int n_full = std::max(0, std::min(V1, G::full) - V0);
    Vector<lanes_max> full[n_full ? n_full : 1][n_edge];
    Vector<G::tail ? G::tail : 1> tail[n_edge];

    template <int V>
    INLINE auto& at(int m) {
        if constexpr (V < G::full)
            return full[V - V0][m];
        else
            return tail[m];
    }
};

// How many vectors of lanes of one path fit the registers at once.
template <int P>
constexpr int vectors_at_once() {
    return std::max(1, std::min(GroupOf<P>::vectors, accumulators_max / (2 * paths[P].l_edge + 1)));
}

// A_i[p] = sum_j phi h_j Y_ij, for the vectors V0..V1 of lanes.
template <int P, int V0, int V1>
INLINE void accumulate(Index edges, const real* h, const real* phi, const real* harmonics, real* a) {
    using G = GroupOf<P>;
    constexpr int n_edge = 2 * paths[P].l_edge + 1;
    Accumulators<P, V0, V1> sum;
    repeat<V1 - V0>([&](auto i) {
        UNROLL
        for (int m = 0; m < n_edge; ++m) sum.template at<V0 + i>(m) = Vector<G::lanes_of(V0 + i)>{};
    });
    for (Index e = 0; e < edges; ++e) {
        repeat<V1 - V0>([&](auto i) {
            constexpr int v = V0 + i, W = G::lanes_of(v);
            const Vector<W> weighted =
                load<W>(h + v * lanes_max) * load_tiled<W, G::width>(phi + v * lanes_max % G::width);
            UNROLL
        for (int m = 0; m < n_edge; ++m) sum.template at<v>(m) += weighted * harmonics[m];
        });
        h += G::stride;
        phi += G::columns;
        harmonics += components;
    }
    repeat<V1 - V0>([&](auto i) {
        constexpr int v = V0 + i, W = G::lanes_of(v);
        UNROLL
        for (int m = 0; m < n_edge; ++m) store<W>(a + m * G::stride + v * lanes_max, sum.template at<v>(m));
    });
}

// From dA_i[p]: dh_j += phi (dA Y), and dphi where phi > 0, which takes the place of phi; for the vectors V0..V1 of
// lanes. Where the registers need several rounds, dphi waits in partial until the last of them.
template <int P, int V0, int V1>
INLINE void backpropagate(Index edges, const real* da, const real* h, const real* harmonics, real* phi, real* dh,
                          real* partial) {
    using G = GroupOf<P>;
    constexpr int n_edge = 2 * paths[P].l_edge + 1;
    constexpr int part = std::min(G::width, lanes_max), parts = G::width / part;
    Accumulators<P, V0, V1> slope;
    repeat<V1 - V0>([&](auto i) {
        constexpr int v = V0 + i, W = G::lanes_of(v);
        UNROLL
        for (int m = 0; m < n_edge; ++m) slope.template at<v>(m) = load<W>(da + m * G::stride + v * lanes_max);
    });
    for (Index e = 0; e < edges; ++e) {
        Vector<part> sum[parts] = {};
        Vector<lanes_max> sum_full[parts] = {};
        repeat<V1 - V0>([&](auto i) {
            constexpr int v = V0 + i, W = G::lanes_of(v), q = v % parts;
            Vector<W> t = slope.template at<v>(0) * harmonics[0];
            UNROLL
        for (int m = 1; m < n_edge; ++m) t += slope.template at<v>(m) * harmonics[m];
            real* to = dh + v * lanes_max;
            const Vector<W> before = P == G::first ? Vector<W>{} : load<W>(to);
            store<W>(to, before + t * load_tiled<W, G::width>(phi + v * lanes_max % G::width));
            t *= load<W>(h + v * lanes_max);
            if constexpr (W == lanes_max)
                sum_full[q] += t;
            else
                sum[q] += fold<W, part>(t);
        });
        repeat<parts>([&](auto q) {
            if constexpr (G::full > V0) sum[q] += fold<lanes_max, part>(sum_full[q]);
            if constexpr (V0 > 0) sum[q] += load<part>(partial + q * part);
            if constexpr (V1 < G::vectors)
                store<part>(partial + q * part, sum[q]);
            else
                store<part>(phi + q * part, load<part>(phi + q * part) > 0 ? sum[q] : Vector<part>{});
        });
        h += G::stride;
        phi += G::columns;
        harmonics += components;
        dh += G::stride;
        partial += G::width;
    }
}

// -------------------------------------------------------------------------------------------------- one receiver

struct Inputs {
    Index nodes;
    const Index *row_ptr, *senders;
    const real *h, *s, *u, *harmonics;

    Index most_edges() const {
        Index most = 0;
        for (Index i = 0; i < nodes; ++i) most = std::max(most, row_ptr[i + 1] - row_ptr[i]);
        return most;
    }
};

// What a thread needs for the neighbours of one receiver.
struct Neighbours {
    Index edges = 0;
    const Index* senders = nullptr;
    const real *u = nullptr, *harmonics = nullptr;
    Buffer h, phi, a, message;

    explicit Neighbours(Index most)
        : h(most * stride_max), phi(most * columns_max()), a((2 * L_MAX + 1) * stride_max), message(message_size) {}

    void select(const Inputs& in, Index i) {
        const Index begin = in.row_ptr[i];
        edges = in.row_ptr[i + 1] - begin;
        senders = in.senders + begin;
        u = in.u + begin * HIDDEN;
        harmonics = in.harmonics + begin * components;
    }

    // Rows of h of all neighbours; lanes beyond them are zero.
    template <int LI>
    INLINE void gather(const Inputs& in) {
        using G = Group<LI>;
        constexpr int field = (LI == 0 ? 1 : G::rows) * CHANNELS, scalars = LI == 0 ? SCALARS : 0;
        for (Index e = 0; e < edges; ++e) {
            real* to = h + e * G::stride;
            std::memcpy(to, in.h + (senders[e] * components + LI * LI) * CHANNELS, field * sizeof(real));
            std::memcpy(to + field, in.s + senders[e] * SCALARS, scalars * sizeof(real));
            std::memset(to + field + scalars, 0, (G::used - field - scalars) * sizeof(real));
        }
    }

    template <int LI>
    void evaluate_radial(const RadialWeights& weights) {
        constexpr int at = group_offset(LI), columns = Group<LI>::columns;
        multiply<columns, Start::row, true>(edges, HIDDEN, u, HIDDEN, 1, weights.by_hidden + at, phi_columns, phi,
                                            columns, weights.bias + at);
    }
};

template <int P>
NOINLINE void forward_path(Neighbours& n, const Coupling& couple, real* message) {
    using G = GroupOf<P>;
    constexpr int at_once = vectors_at_once<P>(), tiles = (G::vectors + at_once - 1) / at_once;
    constexpr int l_edge = paths[P].l_edge, column = (P - G::first) * G::width;
    repeat<tiles>([&](auto t) {
        constexpr int from = t * at_once, to = std::min(G::vectors, from + at_once);
        accumulate<P, from, to>(n.edges, n.h, n.phi + column, n.harmonics + l_edge * l_edge, n.a);
    });
    couple.apply<G::width>(P, n.a, message + message_offset(P), [](int r) { return r * G::width; });
}

template <int LI>
void forward_group(const Inputs& in, Neighbours& n, const RadialWeights& radial, const Coupling& couple,
                   real* message) {
    using G = Group<LI>;
    n.gather<LI>(in);
    n.evaluate_radial<LI>(radial);
    repeat<G::last - G::first>([&](auto q) { forward_path<G::first + q>(n, couple, message); });
}

template <int P>
INLINE void mix_path(const Mixing& mixing, const real* message, real* out) {
    constexpr int l = paths[P].l_out, width = width_of(P);
    multiply<out_padded, Start::here, false, 2 * l + 1>(2 * l + 1, channels_of(P), message + message_offset(P), width,
                                                        1, mixing.rows + mix_offset(P) * out_padded, out_padded,
                                                        out + l * l * out_padded, out_padded);
}

struct Gradients {
    Buffer dh, radial{HIDDEN * phi_columns}, bias{phi_columns}, mix{combinations * out_padded};
};

struct BackwardScratch {
    Buffer dmessage{(2 * L_MAX + 1) * width_max}, dh, du, partial;
    explicit BackwardScratch(Index most)
        : dh(most * stride_max), du(most * hidden_padded), partial(most * width_max) {}
};

template <int P>
NOINLINE void backward_path(Neighbours& n, BackwardScratch& b, const Mixing& mixing, const Coupling& couple,
                            const real* message, const real* dout, Gradients& g) {
    using G = GroupOf<P>;
    constexpr int l = paths[P].l_out, l_edge = paths[P].l_edge, column = (P - G::first) * G::width;
    const real* dout_l = dout + l * l * out_padded;
    multiply<out_padded>(G::channels, 2 * l + 1, message + message_offset(P), 1, G::width, dout_l, out_padded,
                         g.mix + mix_offset(P) * out_padded, out_padded);
    multiply<G::width, Start::zero, false, 2 * l + 1>(2 * l + 1, CHANNELS_OUT, dout_l, out_padded, 1,
                                                      mixing.transposed + Mixing::transposed_offset(P), G::width,
                                                      b.dmessage, G::width);
    couple.apply<G::width>(P, b.dmessage, n.a,
                           [](int r) { return r / G::rows * G::stride + r % G::rows * G::width; });
    constexpr int at_once = vectors_at_once<P>(), tiles = (G::vectors + at_once - 1) / at_once;
    repeat<tiles>([&](auto t) {
        constexpr int from = t * at_once, to = std::min(G::vectors, from + at_once);
        backpropagate<P, from, to>(n.edges, n.a, n.h, n.harmonics + l_edge * l_edge, n.phi + column, b.dh,
                                   b.partial);
    });
}

template <int LI>
void backward_group(const Inputs& in, Neighbours& n, BackwardScratch& b, const RadialWeights& radial,
                    const Mixing& mixing, const Coupling& couple, const real* message, const real* dout,
                    Gradients& g) {
    using G = Group<LI>;
    constexpr int at = group_offset(LI);
    n.gather<LI>(in);
    n.evaluate_radial<LI>(radial);
    repeat<G::last - G::first>(
        [&](auto q) { backward_path<G::first + q>(n, b, mixing, couple, message, dout, g); });

    // n.phi holds dphi now.
    const real one = 1;
    multiply<G::columns>(HIDDEN, n.edges, n.u, 1, HIDDEN, n.phi, G::columns, g.radial + at, phi_columns);
    multiply<G::columns>(1, n.edges, &one, 0, 0, n.phi, G::columns, g.bias + at, phi_columns);
    multiply<hidden_padded, LI == 0 ? Start::zero : Start::here>(n.edges, G::columns, n.phi, G::columns, 1,
                                                                 radial.by_column + at * hidden_padded,
                                                                 hidden_padded, b.du, hidden_padded);
    if constexpr (CHANNELS > 0) {
        constexpr int W = std::min(CHANNELS, lanes_max);
        for (Index e = 0; e < n.edges; ++e) {
            real* to = g.dh + (n.senders[e] * components + LI * LI) * CHANNELS;
            const real* from = b.dh + e * G::stride;
            repeat<G::rows * CHANNELS / W>(
                [&](auto v) { store<W>(to + v * W, load<W>(to + v * W) + load<W>(from + v * W)); });
        }
    }
}

}  // namespace

extern "C" {

// Returns 0, or 1 where memory ran out. messages, (nodes, message size), is null where no gradient will be asked for.
int equiglass_forward(int threads, Index nodes, const Index* row_ptr, const Index* senders, const real* h,
                      const real* s, const real* u, const real* harmonics, const real* weights, const real* biases,
                      const real* mix, int n_terms, const Coupling::Term* terms, const double* values, double norm,
                      real* messages, real* out) {
    try {
        const Inputs in{nodes, row_ptr, senders, h, s, u, harmonics};
        const Index most_edges = in.most_edges();
        const RadialWeights radial(weights, biases);
        const Mixing mixing(mix);
        const Coupling couple(
            n_terms, terms, values, norm, [](Path p) { return 2 * p.l_out + 1; },
            [](Coupling::Term t) { return t.m_out; }, place_of);
        in_threads(threads, nodes, row_ptr, [&](int, Index begin, Index end) {
            Neighbours n(most_edges);
            Buffer mixed(components * out_padded);
            for (Index i = begin; i < end; ++i) {
                n.select(in, i);
                real* message = messages ? messages + i * message_size : n.message;
                repeat<groups>([&](auto l) { forward_group<l>(in, n, radial, couple, message); });
                std::fill(mixed + 0, mixed + components * out_padded, real(0));
                repeat<n_paths>([&](auto p) { mix_path<p>(mixing, message, mixed); });
                for (int k = 0; k < components; ++k)
                    std::memcpy(out + (i * components + k) * CHANNELS_OUT, mixed + k * out_padded,
                                CHANNELS_OUT * sizeof(real));
            }
        });
        return 0;
    } catch (...) {
        return 1;
    }
}

// Numbers of M kept for one node.
int equiglass_message_size() { return message_size; }

// All gradients are written, none is added to; dh is null where there is no h.
int equiglass_backward(int threads, Index nodes, const Index* row_ptr, const Index* senders, const real* h,
                       const real* s, const real* u, const real* harmonics, const real* weights, const real* biases,
                       const real* mix, int n_terms, const Coupling::Term* terms, const double* values, double norm,
                       const real* messages, const real* dout, real* dh, real* du, real* dweights, real* dbiases,
                       real* dmix) {
    try {
        const Inputs in{nodes, row_ptr, senders, h, s, u, harmonics};
        const Index most_edges = in.most_edges();
        const RadialWeights radial(weights, biases);
        const Mixing mixing(mix);
        const Coupling couple(
            n_terms, terms, values, norm, [](Path p) { return (2 * p.l_in + 1) * (2 * p.l_edge + 1); },
            [](Coupling::Term t) { return t.m_edge * (2 * paths[t.path].l_in + 1) + t.m_in; },
            [](Coupling::Term t) { return t.m_out * width_of(t.path); });
        const Index field = nodes * components * CHANNELS;
        std::vector<Gradients> gradients(threads);
        in_threads(threads, nodes, row_ptr, [&](int t, Index begin, Index end) {
            Gradients& g = gradients[t];
            g.dh = Buffer(field);
            Neighbours n(most_edges);
            BackwardScratch b(most_edges);
            Buffer dout_padded(components * out_padded);
            for (Index i = begin; i < end; ++i) {
                n.select(in, i);
                for (int k = 0; k < components; ++k)
                    std::memcpy(dout_padded + k * out_padded, dout + (i * components + k) * CHANNELS_OUT,
                                CHANNELS_OUT * sizeof(real));
                repeat<groups>([&](auto l) {
                    backward_group<l>(in, n, b, radial, mixing, couple, messages + i * message_size, dout_padded, g);
                });
                for (Index e = 0; e < n.edges; ++e)
                    std::memcpy(du + (row_ptr[i] + e) * HIDDEN, b.du + e * hidden_padded, HIDDEN * sizeof(real));
            }
        });
        auto total = [&](Buffer Gradients::*buffer, Index k) {
            real sum = 0;
            for (Gradients& g : gradients) sum += (g.*buffer)[k];
            return sum;
        };
        for (Index k = 0; k < field; ++k) dh[k] = total(&Gradients::dh, k);
        RadialWeights::for_columns([&](int combination, int column) {
            dbiases[combination] = total(&Gradients::bias, column);
            for (int k = 0; k < HIDDEN; ++k)
                dweights[combination * HIDDEN + k] = total(&Gradients::radial, k * phi_columns + column);
        });
        for (int r = 0; r < combinations; ++r)
            for (int o = 0; o < CHANNELS_OUT; ++o)
                dmix[r * CHANNELS_OUT + o] = total(&Gradients::mix, r * out_padded + o);
        return 0;
    } catch (...) {
        return 1;
    }
}

}  // extern "C"
