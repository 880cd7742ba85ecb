// Monte Carlo of a Lennard-Jones mixture in which every particle stays within a sphere around its start; the sum of the
// displacements after each sweep. confinement.py explains the method.
//
// The list of pairs is that of the start. It is complete as long as every particle stays in its sphere.
// Tables are (types, types). Displacements u and their sums are (N, 3).

#include <cmath>
#include <cstdint>

namespace {

// xoshiro256+ of Blackman and Vigna, started by splitmix64.
struct Random {
    std::uint64_t s[4];
    explicit Random(std::uint64_t seed) {
        for (auto& word : s) {
            std::uint64_t z = (seed += 0x9e3779b97f4a7c15u);
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
            word = z ^ (z >> 31);
        }
    }
    double operator()() {
        const std::uint64_t result = s[0] + s[3], t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = (s[3] << 45) | (s[3] >> 19);
        return double(result >> 11) * 0x1.0p-53;
    }
};

}  // namespace

// Returns the number of accepted moves.
extern "C" std::int64_t confined(
    std::int64_t particles, std::int64_t types, const std::int64_t* type, const std::int64_t* first,
    const std::int64_t* senders, const double* vectors, const double* epsilon, const double* sigma_squared,
    const double* cutoff_squared, const double* constant, const double* slope, double temperature, double radius,
    double step, std::int64_t sweeps, std::uint64_t seed, double* u, double* sums) {
    Random random(seed);
    std::int64_t accepted = 0;
    for (std::int64_t sweep = 0; sweep < sweeps; ++sweep) {
        for (std::int64_t i = 0; i < particles; ++i) {
            double* x = u + 3 * i;
            const double m0 = step * (2 * random() - 1), m1 = step * (2 * random() - 1), m2 = step * (2 * random() - 1);
            const double limit = random();
            const double y0 = x[0] + m0, y1 = x[1] + m1, y2 = x[2] + m2;
            if (y0 * y0 + y1 * y1 + y2 * y2 > radius * radius) continue;
            double change = 0;
            for (std::int64_t k = first[i]; k < first[i + 1]; ++k) {
                const std::int64_t j = senders[k], pair = type[i] * types + type[j];
                const double d0 = vectors[3 * k] + u[3 * j] - x[0], d1 = vectors[3 * k + 1] + u[3 * j + 1] - x[1],
                             d2 = vectors[3 * k + 2] + u[3 * j + 2] - x[2];
                const double before = d0 * d0 + d1 * d1 + d2 * d2;
                const double e0 = d0 - m0, e1 = d1 - m1, e2 = d2 - m2, after = e0 * e0 + e1 * e1 + e2 * e2;
                const double cutoff = cutoff_squared[pair];
                if (before >= cutoff && after >= cutoff) continue;
                const auto energy = [&](double squared) {
                    if (squared >= cutoff) return 0.0;
                    const double ratio = sigma_squared[pair] / squared, power = ratio * ratio * ratio;
                    return 4 * epsilon[pair] * power * (power - 1) - constant[pair] - slope[pair] * std::sqrt(squared);
                };
                change += energy(after) - energy(before);
            }
            if (change <= 0 || limit < std::exp(-change / temperature)) {
                x[0] = y0;
                x[1] = y1;
                x[2] = y2;
                ++accepted;
            }
        }
        for (std::int64_t c = 0; c < 3 * particles; ++c) sums[c] += u[c];
    }
    return accepted;
}
