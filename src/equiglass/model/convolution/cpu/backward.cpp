// The gradient of the convolution of forward.cpp.
//
// A thread computes one receiver after another, and for each one lI after another. From dout follow dM and dA of all
// paths of lI. The neighbours come next, one or two at a time, with their dx_j in registers during the loop over paths.
// M was stored, while phi is computed again.
//
// Several edges contribute to dh of a sender and to the weights. Each thread sums these gradients in its own buffers,
// and the buffers are summed in the order of the threads. The same number of threads therefore gives the same bits.

#include "mixing.hpp"
#include "neighbours.hpp"
#include "threads.hpp"

// The sums of one thread.
struct Gradients {
    Buffer dh, weight{HIDDEN * phi_columns}, bias{phi_columns}, mix{combinations * out_padded};
    Buffer basis_weight{BASIS * hidden_padded}, basis_bias{hidden_padded}, scale{hidden_padded}, shift{hidden_padded};
};

struct BackwardScratch {
    Buffer dmessage{(2 * L_MAX + 1) * std::max(width_of(0), width_of(n_paths - 1))}, row{stride_max()}, du;
    explicit BackwardScratch(Index most) : du(most * hidden_padded) {}
};

template <int P>
NOINLINE void backward_messages(Neighbours& n, BackwardScratch& b, const Mixing& mixing, real norm, const real* message,
                                const real* dout, Gradients& g) {
    using G = GroupOf<P>;
    constexpr int l = paths[P].l_out;
    const real* dout_l = dout + l * l * out_padded;
    multiply<out_padded>(G::channels, 2 * l + 1, message + message_offset(P), 1, G::width, dout_l, out_padded,
                         g.mix + mix_offset(P) * out_padded, out_padded);
    multiply<G::width, Start::zero, false, 2 * l + 1>(2 * l + 1, CHANNELS_OUT, dout_l, out_padded, 1,
                                                      mixing.transposed + Mixing::transposed_offset(P), G::width,
                                                      b.dmessage, G::width);
    couple_back<P>(b.dmessage, norm, n.coupled + coupled_offset(P));
}

// The vectors of lanes of a row. The last one may be shorter.
template <class G>
struct Row {
    Vector<lanes_max> full[G::full ? G::full : 1];
    Vector<G::tail ? G::tail : 1> tail;

    template <int V>
    INLINE auto& at() {
        if constexpr (V < G::full)
            return full[V];
        else
            return tail;
    }
};

// Computes dx_j = sum_p phi (dA Y) of AT_ONCE edges over all paths of a group. dphi, 0 where phi is 0, replaces phi.
template <int LI, int AT_ONCE>
INLINE void backpropagate(Neighbours& n, BackwardScratch& b, Index e, Gradients& g) {
    using G = Group<LI>;
    constexpr int part = std::min(G::width, lanes_max), parts = G::width / part;
    const real *h = n.h + e * G::stride, *harmonics = n.harmonics + e * components;
    real* phi = n.phi + e * G::columns;
    Row<G> dx[AT_ONCE] = {};
    repeat<G::last - G::first>([&](auto q) FLAT {
        constexpr int P = G::first + q, n_edge = edge_components(P), l_edge = paths[P].l_edge;
        const real* da = n.coupled + coupled_offset(P);
        Vector<part> sum[AT_ONCE][parts] = {};
        Vector<lanes_max> sum_full[AT_ONCE][parts] = {};
        repeat<G::vectors>([&](auto v) FLAT {
            constexpr int W = G::lanes_of(v), at = v * lanes_max % G::width, s = v % parts;
            Vector<W> t[AT_ONCE];
            UNROLL
            for (int m = 0; m < n_edge; ++m) {
                Vector<W> slope = load<W>(da + m * G::stride + v * lanes_max);
                keep_in_register<W>(slope);
                UNROLL
                for (int k = 0; k < AT_ONCE; ++k) {
                    const real y = harmonics[k * components + l_edge * l_edge + m];
                    t[k] = m == 0 ? slope * y : t[k] + slope * y;
                }
            }
            UNROLL
            for (int k = 0; k < AT_ONCE; ++k) {
                auto& to = dx[k].template at<v>();
                to += t[k] * load_tiled<W, G::width>(phi + k * G::columns + q * G::width + at);
                t[k] *= load<W>(h + k * G::stride + v * lanes_max);
                if constexpr (W == lanes_max)
                    sum_full[k][s] += t[k];
                else
                    sum[k][s] += fold<W, part>(t[k]);
            }
        });
        UNROLL
        for (int k = 0; k < AT_ONCE; ++k)
            UNROLL
            for (int s = 0; s < parts; ++s) {
                real* to = phi + k * G::columns + q * G::width + s * part;
                if constexpr (G::full > 0) sum[k][s] += fold<lanes_max, part>(sum_full[k][s]);
                store<part>(to, load<part>(to) > 0 ? sum[k][s] : Vector<part>{});
            }
    });
    if constexpr (FIELD > 0) {
        UNROLL
        for (int k = 0; k < AT_ONCE; ++k) {
            real* to = g.dh + (n.senders[e + k] * components + LI * LI) * FIELD;
            if constexpr (G::plain) {
                repeat<G::vectors>([&](auto v) FLAT {
                    constexpr int W = G::lanes_of(v);
                    store<W>(to + v * lanes_max, load<W>(to + v * lanes_max) + dx[k].template at<v>());
                });
            } else {
                repeat<G::vectors>(
                    [&](auto v) FLAT { store<G::lanes_of(v)>(b.row + v * lanes_max, dx[k].template at<v>()); });
                UNROLL
                for (int r = 0; r < G::rows; ++r)
                    for (int c = 0; c < FIELD; ++c) to[r * FIELD + c] += b.row[r * G::width + c];
            }
        }
    }
}

template <int LI>
NOINLINE void backpropagate_all(Neighbours& n, BackwardScratch& b, Gradients& g) {
    constexpr int at_once = register_count == 32 && Group<LI>::vectors <= 4 ? 2 : 1;
    Index e = 0;
    for (; e + at_once <= n.edges; e += at_once) backpropagate<LI, at_once>(n, b, e, g);
    for (; e < n.edges; ++e) backpropagate<LI, 1>(n, b, e, g);
}

template <int LI>
NOINLINE void weight_gradient(const Neighbours& n, Gradients& g) {
    constexpr int at = group_offset(LI), columns = Group<LI>::columns;
    const real one = 1;
    multiply<columns>(HIDDEN, n.edges, n.u, 1, hidden_padded, n.phi, columns, g.weight + at, phi_columns);
    multiply<columns>(1, n.edges, &one, 0, 0, n.phi, columns, g.bias + at, phi_columns);
}

template <int LI>
NOINLINE void hidden_gradient(const Neighbours& n, BackwardScratch& b, const RadialWeights& radial) {
    constexpr int at = group_offset(LI), columns = Group<LI>::columns;
    multiply<hidden_padded>(n.edges, columns, n.phi, columns, 1, radial.by_column + at * hidden_padded, hidden_padded,
                            b.du, hidden_padded);
}

template <int LI>
INLINE void backward_group(const Inputs& in, Neighbours& n, BackwardScratch& b, const RadialWeights& radial,
                           const Mixing& mixing, const real* message, const real* dout, Gradients& g) {
    using G = Group<LI>;
    if constexpr (G::any) {
        n.gather<LI>(in);
        n.evaluate_radial<LI>(radial);
        repeat<G::last - G::first>(
            [&](auto q) FLAT { backward_messages<G::first + q>(n, b, mixing, real(in.norm), message, dout, g); });
        backpropagate_all<LI>(n, b, g);

        // n.phi contains dphi from here on.
        weight_gradient<LI>(n, g);
        hidden_gradient<LI>(n, b, radial);
    }
}

// The gradients of the first radial layer and its normalisation, from du of all edges.
NOINLINE inline void backward_hidden(const Neighbours& n, BackwardScratch& b, const RadialWeights& radial, Gradients& g) {
    repeat<hidden_padded / hidden_lanes>([&](auto part) FLAT {
        constexpr int k = part * hidden_lanes;
        Hidden scale{}, shift{}, bias{};
        const Hidden slope = load<hidden_lanes>(radial.scale + k);
        for (Index at = k; at < n.edges * hidden_padded; at += hidden_padded) {
            const Hidden y = load<hidden_lanes>(n.y + at);
            const Hidden dz = load<hidden_lanes>(b.du + at) * load<hidden_lanes>(n.factors + at);
            const Hidden dy = y > 0 ? dz * slope : Hidden{};
            scale += dz * y;
            shift += dz;
            bias += dy;
            store<hidden_lanes>(b.du + at, dy);
        }
        store<hidden_lanes>(g.scale + k, load<hidden_lanes>(g.scale + k) + scale);
        store<hidden_lanes>(g.shift + k, load<hidden_lanes>(g.shift + k) + shift);
        store<hidden_lanes>(g.basis_bias + k, load<hidden_lanes>(g.basis_bias + k) + bias);
    });
    multiply<hidden_padded>(BASIS, n.edges, n.basis, 1, BASIS, b.du, hidden_padded, g.basis_weight, hidden_padded);
}

extern "C" {

// Returns 0, or 1 if memory ran out. All gradients are overwritten. dh has n_field nodes, and is null if there is no h.
int equiglass_backward(int threads, const Inputs* given, const real* messages, const real* dout, Index n_field,
                       real* dh, real* dbasis_weight, real* dbasis_bias, real* dscale, real* dshift, real* dweight,
                       real* dbias, real* dmix) {
    try {
        const Inputs& in = *given;
        const Index most_edges = in.most_edges(), field = n_field * components * FIELD;
        const RadialWeights radial(in);
        const Mixing mixing(in.mix);
        std::vector<Gradients> gradients(threads);
        in_threads(threads, in.nodes, in.row_start, [&](int t, Index begin, Index end) {
            Gradients& g = gradients[t];
            g.dh = Buffer(field);
            Neighbours n(most_edges);
            BackwardScratch b(most_edges);
            Buffer dout_padded(components * out_padded);
            for (Index i = begin; i < end; ++i) {
                n.select(in, radial, i);
                for (int k = 0; k < components; ++k)
                    std::memcpy(dout_padded + k * out_padded, dout + (i * components + k) * CHANNELS_OUT,
                                CHANNELS_OUT * sizeof(real));
                std::fill(b.du + 0, b.du + n.edges * hidden_padded, real(0));
                repeat<L_MAX + 1>([&](auto l) {
                    backward_group<l>(in, n, b, radial, mixing, messages + i * message_size, dout_padded, g);
                });
                backward_hidden(n, b, radial, g);
            }
        });
        auto total = [&](Buffer Gradients::*buffer, Index k) {
            real sum = 0;
            for (Gradients& g : gradients) sum += (g.*buffer)[k];
            return sum;
        };
        in_parts(threads, field, [&](int, Index begin, Index end) {
            std::fill(dh + begin, dh + end, real(0));
            for (Gradients& g : gradients) {
                const real* part = g.dh;
                for (Index k = begin; k < end; ++k) dh[k] += part[k];
            }
        });
        RadialWeights::for_columns([&](int combination, int column) {
            dbias[combination] = total(&Gradients::bias, column);
            for (int k = 0; k < HIDDEN; ++k)
                dweight[combination * HIDDEN + k] = total(&Gradients::weight, k * phi_columns + column);
        });
        for (int k = 0; k < HIDDEN; ++k) {
            dbasis_bias[k] = total(&Gradients::basis_bias, k);
            dscale[k] = total(&Gradients::scale, k);
            dshift[k] = total(&Gradients::shift, k);
            for (int b = 0; b < BASIS; ++b)
                dbasis_weight[k * BASIS + b] = total(&Gradients::basis_weight, b * hidden_padded + k);
        }
        for (int r = 0; r < combinations; ++r)
            for (int o = 0; o < CHANNELS_OUT; ++o)
                dmix[r * CHANNELS_OUT + o] = total(&Gradients::mix, r * out_padded + o);
        return 0;
    } catch (...) {
        return 1;
    }
}

}  // extern "C"
