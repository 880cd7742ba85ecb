// A_i[p, mI, mF, c] = sum_{j in N(i)} phi_p,c(r_ij) x_j[mI, c] Y_ij[mF] of all paths, and from it the messages M_i.
#pragma once

#include <tuple>

#include "neighbours.hpp"

// Registers of one path: for each of the vectors V0..V1 of lanes, one for each mF.
template <int P, int V0, int V1>
struct Accumulators {
    using G = GroupOf<P>;
    static constexpr int n_full = std::max(0, std::min(V1, G::full) - V0);
    Vector<lanes_max> full[n_full ? n_full : 1][edge_components(P)];
    Vector<G::tail ? G::tail : 1> tail[edge_components(P)];

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
    return std::max(1, std::min(GroupOf<P>::vectors, accumulators_max / edge_components(P)));
}

// The last path, exclusive, of those from P on, of one group, whose accumulators fit the registers together.
template <int P>
constexpr int batch_end() {
    int last = P + 1, registers = GroupOf<P>::vectors * edge_components(P);
    while (last < GroupOf<P>::last && (registers += GroupOf<P>::vectors * edge_components(last)) <= accumulators_max)
        ++last;
    return last;
}

// A of the paths P + I for the vectors V0..V1 of lanes.
template <int P, int V0, int V1, int... I>
INLINE void accumulate(const Neighbours& n, real* a, std::integer_sequence<int, I...>) {
    using G = GroupOf<P>;
    std::tuple<Accumulators<P + I, V0, V1>...> sums{};
    const real *h = n.h, *phi = n.phi + (P - G::first) * G::width, *harmonics = n.harmonics;
    for (Index e = 0; e < n.edges; ++e) {
        repeat<V1 - V0>([&](auto i) FLAT {
            constexpr int v = V0 + i, W = G::lanes_of(v);
            const Vector<W> row = load<W>(h + v * lanes_max);
            repeat<sizeof...(I)>([&](auto q) FLAT {
                constexpr int l_edge = paths[P + q].l_edge;
                const Vector<W> weighted = row * load_tiled<W, G::width>(phi + q * G::width + v * lanes_max % G::width);
                UNROLL
                for (int m = 0; m < edge_components(P + q); ++m)
                    std::get<q>(sums).template at<v>(m) += weighted * harmonics[l_edge * l_edge + m];
            });
        });
        h += G::stride;
        phi += G::columns;
        harmonics += components;
    }
    repeat<sizeof...(I)>([&](auto q) FLAT {
        repeat<V1 - V0>([&](auto i) FLAT {
            constexpr int v = V0 + i, W = G::lanes_of(v);
            UNROLL
            for (int m = 0; m < edge_components(P + q); ++m)
                store<W>(a + coupled_offset(P + q) - coupled_offset(P) + m * G::stride + v * lanes_max,
                         std::get<q>(sums).template at<v>(m));
        });
    });
}

template <int P>
NOINLINE void forward_batch(Neighbours& n, real norm, real* message) {
    using G = GroupOf<P>;
    constexpr int last = batch_end<P>(), at_once = vectors_at_once<P>();
    constexpr int tiles = (G::vectors + at_once - 1) / at_once;
    repeat<tiles>([&](auto t) FLAT {
        constexpr int from = t * at_once, to = std::min(G::vectors, from + at_once);
        accumulate<P, from, to>(n, n.coupled, std::make_integer_sequence<int, last - P>{});
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
