// The equivariant convolution of one layer and its gradient, for one shape fixed at compile time (shape.hpp).
//
//   u_ij           = f_ij (scale relu(W1 B(r_ij) + b1) + shift)            hidden radial units; f: dropout
//   phi_ij         = relu(W2 u_ij + b2)                                     radial weights of one edge
//   A_i[p, mI, mF, c] = sum_{j in N(i)} phi_p,c(r_ij) x_j[mI, c] Y_ij[mF]   delayed coupling
//   M_i[p, mO, c]  = norm sum_{mI, mF} <lI mI lF mF | lO mO> A_i[p, mI, mF, c]
//   out_i[mO, c']  = sum_{p -> lO} sum_c mix[(p, c), c'] M_i[p, mO, c]
//
// (Pezzicoli, Charpiat, Landes, arXiv:2211.03226, eqs 18-20 and 25.) p = (lI, lF, lO) runs over the paths; x are the
// channels of the field h followed by the node inputs of that degree.
//
// Scheme. One receiver at a time, and within it one lI at a time: the rows x_j of its neighbours are gathered and
// their phi computed into buffers that fit the first-level cache, so phi is never stored for all edges. Lanes of the
// vector registers are (mI, channel), flattened. The sums over neighbours of as many paths as fit stay in registers,
// (2 lF + 1) of them for each vector of lanes; coupling and mixing come once per receiver, not once per edge.
// The backward pass goes from dM to dA for all paths of one lI, then from neighbour to neighbour: dx_j of one or two of
// them stays in registers while the paths pass by; phi is computed again, M was kept. Gradients that meet in one place
// (dh of a sender, the weights) are summed in a buffer of each thread, and those in the order of the threads: the same
// number of threads gives the same bits.

#include "backward.hpp"
#include "forward.hpp"
#include "threads.hpp"

extern "C" {

// Numbers of M kept for one node.
int equiglass_message_size() { return message_size; }

// Returns 0, or 1 where memory ran out. messages, (nodes, message size), is null where no gradient will be asked for.
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

// All gradients are written, none is added to; dh, of n_field nodes, is null where there is no h.
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
