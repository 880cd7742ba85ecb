// The equivariant convolution of one layer, with a shape that is fixed at compile time (shape.hpp).
//
//   u_ij           = f_ij (scale relu(W1 B(r_ij) + b1) + shift)            hidden radial units, with dropout f
//   phi_ij         = relu(W2 u_ij + b2)                                     radial weights of an edge
//   A_i[p, mI, mF, c] = sum_{j in N(i)} phi_p,c(r_ij) x_j[mI, c] Y_ij[mF]   neighbour sum before the coupling
//   M_i[p, mO, c]  = norm sum_{mI, mF} <lI mI lF mF | lO mO> A_i[p, mI, mF, c]
//   out_i[mO, c']  = sum_{p -> lO} sum_c mix[(p, c), c'] M_i[p, mO, c]
//
// p = (lI, lF, lO) is a path. x are the channels of the field h, followed by the node inputs of the same degree.
// Source: Pezzicoli, Charpiat, Landes, arXiv 2211.03226, eqs 18-20 and 25.
//
// A thread computes one receiver after another, and for each one lI after another. It gathers the rows x_j of the
// neighbours and computes their phi in buffers that fit the first-level cache. phi is never stored for all edges. The
// lanes of the vector registers are (mI, channel), flattened. As many neighbour sums as possible stay in registers: a
// path has 2 lF + 1 of them per vector of lanes. Coupling and mixing occur once per receiver, not once per edge.

#include "mixing.hpp"
#include "neighbours.hpp"
#include "threads.hpp"

// The number of vectors of lanes of a path whose sums fit the registers together.
template <int P>
constexpr int vectors_at_once() {
    return std::max(1, std::min(GroupOf<P>::vectors, accumulators_max / edge_components(P)));
}

// The index after the last path of the group for which the sums of the paths from P on fit the registers together.
template <int P>
constexpr int batch_end() {
    int last = P + 1, registers = GroupOf<P>::vectors * edge_components(P);
    while (last < GroupOf<P>::last && (registers += GroupOf<P>::vectors * edge_components(last)) <= accumulators_max)
        ++last;
    return last;
}

// The number of components of the harmonics of the paths P to LAST, without LAST.
template <int P>
constexpr int edge_components_before(int last) {
    int sum = 0;
    for (int p = P; p < last; ++p) sum += edge_components(p);
    return sum;
}

// A of the paths P to LAST, without LAST, for the vectors V0 to V1 of lanes. Each vector has one register per mF.
template <int P, int LAST, int V0, int V1>
INLINE void accumulate(const Neighbours& n, real* a) {
    using G = GroupOf<P>;
    constexpr int n_full = std::max(0, std::min(V1, G::full) - V0), total = edge_components_before<P>(LAST);
    Vector<lanes_max> full[n_full ? n_full * total : 1];
    Vector<G::tail ? G::tail : 1> tail[total];
    UNROLL
    for (auto& sum : full) sum = Vector<lanes_max>{};
    UNROLL
    for (auto& sum : tail) sum = Vector<G::tail ? G::tail : 1>{};
    const real *h = n.h, *phi = n.phi + (P - G::first) * G::width, *harmonics = n.harmonics;
    for (Index e = 0; e < n.edges; ++e) {
        repeat<V1 - V0>([&](auto i) FLAT {
            constexpr int v = V0 + i, W = G::lanes_of(v);
            const Vector<W> row = load<W>(h + v * lanes_max);
            repeat<LAST - P>([&](auto q) FLAT {
                constexpr int l_edge = paths[P + q].l_edge, before = edge_components_before<P>(P + q);
                const Vector<W> weighted = row * load_tiled<W, G::width>(phi + q * G::width + v * lanes_max % G::width);
                UNROLL
                for (int m = 0; m < edge_components(P + q); ++m) {
                    const real y = harmonics[l_edge * l_edge + m];
                    if constexpr (v < G::full)
                        full[i * total + before + m] += weighted * y;
                    else
                        tail[before + m] += weighted * y;
                }
            });
        });
        h += G::stride;
        phi += G::columns;
        harmonics += components;
    }
    repeat<V1 - V0>([&](auto i) FLAT {
        constexpr int v = V0 + i, W = G::lanes_of(v);
        UNROLL
        for (int m = 0; m < total; ++m)
            if constexpr (v < G::full)
                store<W>(a + m * G::stride + v * lanes_max, full[i * total + m]);
            else
                store<W>(a + m * G::stride + v * lanes_max, tail[m]);
    });
}

template <int P>
NOINLINE void forward_batch(Neighbours& n, real norm, real* message) {
    using G = GroupOf<P>;
    constexpr int last = batch_end<P>(), at_once = vectors_at_once<P>();
    constexpr int tiles = (G::vectors + at_once - 1) / at_once;
    repeat<tiles>([&](auto t) FLAT {
        constexpr int from = t * at_once, to = std::min(G::vectors, from + at_once);
        accumulate<P, last, from, to>(n, n.coupled);
    });
    repeat<last - P>([&](auto q) FLAT {
        couple<P + q>(n.coupled + coupled_offset(P + q) - coupled_offset(P), norm, message + message_offset(P + q));
    });
}

template <int P, int LAST>
INLINE void forward_batches(Neighbours& n, real norm, real* message) {
    if constexpr (P < LAST) {
        forward_batch<P>(n, norm, message);
        forward_batches<batch_end<P>(), LAST>(n, norm, message);
    }
}

template <int LI>
INLINE void forward_group(const Inputs& in, Neighbours& n, const RadialWeights& radial, real* message) {
    using G = Group<LI>;
    if constexpr (G::any) {
        n.gather<LI>(in);
        n.evaluate_radial<LI>(radial);
        forward_batches<G::first, G::last>(n, real(in.norm), message);
    }
}

extern "C" {

// The size of M per node.
int equiglass_message_size() { return message_size; }

// Returns 0, or 1 if memory ran out. messages, (nodes, message size), is null if no gradient is needed.
int equiglass_forward(int threads, const Inputs* given, real* messages, real* out) {
    try {
        const Inputs& in = *given;
        const Index most_edges = in.most_edges();
        const RadialWeights radial(in);
        const Mixing mixing(in.mix);
        in_threads(threads, in.nodes, in.row_start, [&](int, Index begin, Index end) {
            Neighbours n(most_edges);
            Buffer kept(message_size), mixed(components * out_padded);
            for (Index i = begin; i < end; ++i) {
                n.select(in, radial, i);
                real* message = messages ? messages + i * message_size : kept;
                repeat<L_MAX + 1>([&](auto l) { forward_group<l>(in, n, radial, message); });
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

}  // extern "C"
