// The Lennard-Jones forces, summed over a list of pairs sorted by receiver. inherent.py has the same sum in numpy.
//
//   F_i += V'(r) a / r,  F_j -= V'(r) a / r,  a = x_j - x_i + lattice,  for pairs with r^2 < cutoff_squared
//
// The compiler makes the square root a vector instruction only with -fno-math-errno.
// Positions, lattice vectors and forces are stored by component: (3, N) and (3, E). The parameters are those of the kinds of
// pairs: a parameter per pair would be read from the memory at every call.

#include <cmath>
#include <cstdint>

extern "C" void pair_forces(
    std::int64_t particles, std::int64_t pairs, const double* x, const std::int32_t* receivers,
    const std::int32_t* senders, const double* lattice, const std::int32_t* kinds, const double* epsilon,
    const double* sigma_squared, const double* cutoff_squared, const double* slope, double* forces) {
    const double *x0 = x, *x1 = x + particles, *x2 = x + 2 * particles;
    const double *s0 = lattice, *s1 = lattice + pairs, *s2 = lattice + 2 * pairs;
    double *f0 = forces, *f1 = forces + particles, *f2 = forces + 2 * particles;
    // Pairs come in blocks. The first loop has no dependencies and is vectorised; the second loop adds serially.
    constexpr int block = 256;
    double a0[block], a1[block], a2[block];
    for (std::int64_t start = 0; start < pairs; start += block) {
        const int length = pairs - start < block ? int(pairs - start) : block;
        for (int k = 0; k < length; ++k) {
            const std::int64_t pair = start + k, i = receivers[pair], j = senders[pair], kind = kinds[pair];
            const double d0 = x0[j] - x0[i] + s0[pair];
            const double d1 = x1[j] - x1[i] + s1[pair];
            const double d2 = x2[j] - x2[i] + s2[pair];
            const double squared = d0 * d0 + d1 * d1 + d2 * d2;
            const double inverse = 1.0 / squared;
            const double ratio = sigma_squared[kind] * inverse;
            const double power = ratio * ratio * ratio;
            const double force = 24.0 * epsilon[kind] * power * (2.0 * power - 1.0) * inverse + slope[kind] * std::sqrt(inverse);
            const double inside = squared < cutoff_squared[kind] ? force : 0.0;
            a0[k] = inside * d0;
            a1[k] = inside * d1;
            a2[k] = inside * d2;
        }
        for (int k = 0; k < length;) {
            const std::int64_t i = receivers[start + k];
            double t0 = 0, t1 = 0, t2 = 0;
            for (; k < length && receivers[start + k] == i; ++k) {
                const std::int64_t j = senders[start + k];
                f0[j] += a0[k];
                f1[j] += a1[k];
                f2[j] += a2[k];
                t0 += a0[k];
                t1 += a1[k];
                t2 += a2[k];
            }
            f0[i] -= t0;
            f1[i] -= t1;
            f2[i] -= t2;
        }
    }
}
