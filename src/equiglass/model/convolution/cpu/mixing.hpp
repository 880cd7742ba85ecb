// The mixing matrices: out[mO, c'] = sum_{p -> lO} sum_c mix[(p, c), c'] M[p, mO, c].
#pragma once

#include "products.hpp"
#include "shape.hpp"

// The mixing matrices with padded rows, and the transposed matrix of every path.
struct Mixing {
    static constexpr int transposed_offset(int p) {
        int sum = 0;
        for (int q = 0; q < p; ++q) sum += width_of(q) * CHANNELS_OUT;
        return sum;
    }

    Buffer rows{combinations * out_padded}, transposed{transposed_offset(n_paths)};

    explicit Mixing(const real* mix) {
        for (int p = 0; p < n_paths; ++p)
            for (int c = 0; c < channels_of(p); ++c)
                for (int o = 0; o < CHANNELS_OUT; ++o) {
                    const real value = mix[(mix_offset(p) + c) * CHANNELS_OUT + o];
                    rows[(mix_offset(p) + c) * out_padded + o] = value;
                    transposed[transposed_offset(p) + o * width_of(p) + c] = value;
                }
    }
};

template <int P>
INLINE void mix_path(const Mixing& mixing, const real* message, real* out) {
    constexpr int l = paths[P].l_out, width = width_of(P);
    multiply<out_padded, Start::here, false, 2 * l + 1>(2 * l + 1, channels_of(P), message + message_offset(P), width,
                                                        1, mixing.rows + mix_offset(P) * out_padded, out_padded,
                                                        out + l * l * out_padded, out_padded);
}
