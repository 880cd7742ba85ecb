// The neighbours of one receiver with their rows of the field, hidden radial units and radial weights phi.
#pragma once

#include <type_traits>

#include "products.hpp"
#include "shape.hpp"

// The input of a layer, in the arrays of the caller.
struct Inputs {
    Index nodes;                                 // receivers
    const Index *row_start, *senders;            // (nodes + 1), (edges)
    const real *h, *node_inputs;                 // (N, components, FIELD), (N, input_size)
    const real *harmonics, *basis;               // (edges, components), (edges, BASIS)
    const real *basis_weight, *basis_bias;       // (HIDDEN, BASIS), (HIDDEN)
    const real *scale, *shift;                   // (HIDDEN)
    const real *weight, *bias;                   // (combinations, HIDDEN), (combinations)
    const real *mix;                             // (combinations, CHANNELS_OUT)
    double norm, kept;                           // kept: 1 / (1 - dropout rate)
    std::uint32_t threshold, key_low, key_high;  // of the dropout

    Index most_edges() const {
        Index most = 0;
        for (Index i = 0; i < nodes; ++i) most = std::max(most, row_start[i + 1] - row_start[i]);
        return most;
    }
};

// The weights of the radial MLP with padded rows: W1 and W2 by input (forward), W2 by output (backward).
struct RadialWeights {
    Buffer first{BASIS * hidden_padded}, first_bias{hidden_padded}, scale{hidden_padded}, shift{hidden_padded};
    Buffer by_hidden{HIDDEN * phi_columns}, by_column{phi_columns * hidden_padded}, bias{phi_columns};

    explicit RadialWeights(const Inputs& in) {
        for (int k = 0; k < HIDDEN; ++k) {
            for (int b = 0; b < BASIS; ++b) first[b * hidden_padded + k] = in.basis_weight[k * BASIS + b];
            first_bias[k] = in.basis_bias[k];
            scale[k] = in.scale[k];
            shift[k] = in.shift[k];
        }
        for_columns([&](int combination, int column) {
            bias[column] = in.bias[combination];
            for (int k = 0; k < HIDDEN; ++k) {
                by_hidden[k * phi_columns + column] = in.weight[combination * HIDDEN + k];
                by_column[column * hidden_padded + k] = in.weight[combination * HIDDEN + k];
            }
        });
    }

    // Calls body(row of W2, padded column) for every row.
    template <class Body>
    static void for_columns(Body&& body) {
        for (int p = 0; p < n_paths; ++p)
            for (int c = 0; c < channels_of(p); ++c) body(weight_offset(p) + c, column_of(p) + c);
    }
};

// A row of hidden units is one or several vectors of this many lanes.
constexpr int hidden_lanes = std::min(hidden_padded, lanes_max);
using Hidden = Vector<hidden_lanes>;
using Bits = std::conditional_t<sizeof(real) == 4, std::uint32_t, std::uint64_t>;
typedef Bits HiddenBits __attribute__((vector_size(hidden_lanes * sizeof(Bits))));

// The factors of the hidden units k, k + 1, ... of an edge: 0 for a unit that the dropout removes, otherwise
// 1 / (1 - rate). The random bits are a hash of key and edge * HIDDEN + k, which is the same in every implementation
// (equiglass.model.convolution.operation.Dropout).
INLINE Hidden dropout_factors(const Inputs& in, Index edge, int k) {
    constexpr Bits word = 0xFFFFFFFFu;
    HiddenBits x;
    for (int lane = 0; lane < hidden_lanes; ++lane) x[lane] = lane;
    x = (x + Bits(edge * HIDDEN + k)) & word;
    x = ((x ^ Bits(in.key_low)) * Bits(0x9E3779B1u)) & word;
    x = ((x ^ (x >> 15)) + Bits(in.key_high)) & word;
    x = ((x ^ (x >> 16)) * Bits(0x7FEB352Du)) & word;
    x = ((x ^ (x >> 15)) * Bits(0x846CA68Bu)) & word;
    x = x ^ (x >> 16);
    return x >= Bits(in.threshold) ? Hidden{} + real(in.kept) : Hidden{};
}

// The buffers of a thread for the neighbours of one receiver.
struct Neighbours {
    Index edges = 0;
    const Index* senders = nullptr;
    const real *basis = nullptr, *harmonics = nullptr;
    // Dropout factors, y = relu(W1 B + b1) and hidden units u, with one row of hidden_padded per edge.
    Buffer factors, y, u, h, phi, coupled{coupled_size()};

    explicit Neighbours(Index most)
        : factors(most * hidden_padded),
          y(most * hidden_padded),
          u(most * hidden_padded),
          h(most * stride_max()),
          phi(most * columns_max()) {}

    NOINLINE void select(const Inputs& in, const RadialWeights& radial, Index i) {
        const Index begin = in.row_start[i];
        edges = in.row_start[i + 1] - begin;
        senders = in.senders + begin;
        basis = in.basis + begin * BASIS;
        harmonics = in.harmonics + begin * components;
        multiply<hidden_padded, Start::row, true>(edges, BASIS, basis, BASIS, 1, radial.first, hidden_padded, y,
                                                  hidden_padded, radial.first_bias);
        for (Index e = 0; e < edges; ++e)
            repeat<hidden_padded / hidden_lanes>([&](auto part) FLAT {
                constexpr int k = part * hidden_lanes;
                const Index at = e * hidden_padded + k;
                const Hidden f = in.threshold ? dropout_factors(in, begin + e, k) : Hidden{} + 1;
                store<hidden_lanes>(factors + at, f);
                store<hidden_lanes>(u + at, f * (load<hidden_lanes>(y + at) * load<hidden_lanes>(radial.scale + k) +
                                                 load<hidden_lanes>(radial.shift + k)));
            });
    }

    // The rows of degree LI of all neighbours: field, then node inputs. Lanes after them are zero.
    template <int LI>
    NOINLINE void gather(const Inputs& in) {
        using G = Group<LI>;
        for (Index e = 0; e < edges; ++e) {
            real* to = h + e * G::stride;
            const real* field = in.h + (senders[e] * components + LI * LI) * FIELD;
            const real* given = in.node_inputs + senders[e] * input_size + input_offset(LI);
            if constexpr (G::plain) {
                repeat<G::vectors>([&](auto v) FLAT {
                    constexpr int W = G::lanes_of(v);
                    store<W>(to + v * lanes_max, load<W>(field + v * lanes_max));
                });
            } else {
                UNROLL
                for (int r = 0; r < G::rows; ++r) {
                    for (int c = 0; c < FIELD; ++c) to[r * G::width + c] = field[r * FIELD + c];
                    for (int c = 0; c < inputs[LI]; ++c) to[r * G::width + FIELD + c] = given[r * inputs[LI] + c];
                    for (int c = G::channels; c < G::width; ++c) to[r * G::width + c] = 0;
                }
                for (int k = G::lanes; k < G::used; ++k) to[k] = 0;
            }
        }
    }

    template <int LI>
    NOINLINE void evaluate_radial(const RadialWeights& radial) {
        constexpr int at = group_offset(LI), columns = Group<LI>::columns;
        multiply<columns, Start::row, true>(edges, HIDDEN, u, hidden_padded, 1, radial.by_hidden + at, phi_columns, phi,
                                            columns, radial.bias + at);
    }
};
