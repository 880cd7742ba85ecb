// Runs of one configuration side by side: lane k of every vector belongs to run k.
//
// Slot i has a centre c_i that all runs share. In run k its particle is at c_i + u_i(k). Since u is small, single
// precision suffices. The vector from i to j is u_j - u_i + s_ij, where s_ij = c_j + image - c_i is one number for all
// runs. Three lists of pairs, each of the one before: balls that hold the particles of a slot in all runs; pairs within
// the cutoff + `wide` in any run; pairs within the cutoff + `skin` in any run.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "cells.hpp"
#include "exchange.hpp"
#include "vectors.hpp"

namespace {

constexpr double GRID = 4096;     // centres are multiples of 1 / GRID, so that a change of centre rounds no bit of u
constexpr double SLACK = 1.0001;  // covers the rounding of the bounds

struct Pair {
    int32_t j;
    float s[3];
};

struct WidePair {
    int32_t j;
    double s[3];
};

struct Interaction {  // F / r = r^-2 p (twelve p - six) + slope / r,  V = (energy12 p - energy6) p - constant - slope r
    double twelve, six, slope, cutoff, energy12, energy6, constant;
};

template <typename Scalar, int L>
struct Lanes : Vectors<Scalar, L> {
    using Of = Vectors<Scalar, L>;
    using typename Of::Vector;
    using Of::all, Of::any_below, Of::inverse_root, Of::larger, Of::largest, Of::load, Of::smaller, Of::store;
    typedef typename std::conditional<sizeof(Scalar) == 4, Pair, WidePair>::type Entry;

    struct List {
        std::vector<Entry> pairs;
        std::vector<int64_t> begin, end;  // of (slot, type of j)
        int64_t count = 0;
    };

    int64_t n;
    int types;
    const int32_t* type;
    const double* box;
    const Interaction* table;
    double skin, wide, margin;
    double *centre, furthest = 0;
    Scalar *u, *v, *f, *since;
    std::vector<double> radius;
    List balls, outer, inner;
    double built = 0, renewed = 0, pruned = 0, steps_done = 0, pairs_of_balls = 0, pairs_of_outer = 0, pairs_computed = 0;

    // Every centre becomes the mean over the runs, and every ball holds all runs with a margin.
    void recentre() {
        furthest = 0;
        for (int64_t i = 0; i < n; ++i) {
            Vector squared = all(0);
            for (int a = 0; a < 3; ++a) {
                Scalar* at = u + (3 * i + a) * L;
                double mean = 0;
                for (int k = 0; k < L; ++k) mean += at[k];
                mean = std::round(mean / L * GRID) / GRID;
                centre[3 * i + a] += mean;
                const Vector x = load(at) - Scalar(mean);
                store(at, x);
                squared += x * x;
            }
            radius[i] = std::sqrt(largest(squared)) + margin;
            furthest = std::max(furthest, radius[i]);
        }
    }

    bool inside() const {
        for (int64_t i = 0; i < n; ++i) {
            Vector squared = all(0);
            for (int a = 0; a < 3; ++a) {
                const Vector x = load(u + (3 * i + a) * L);
                squared += x * x;
            }
            if (!(largest(squared) * SLACK <= radius[i] * radius[i])) return false;
        }
        return true;
    }

    // Pairs of balls within the cutoff + wide, once per pair and image.
    void search() {
        ++built;
        const Sorted sorted(n, types, type, box, centre);
        const Cells& cells = sorted.cells;
        const int64_t total = cells.total();
        double cutoff = 0;
        for (int t = 0; t < types * types; ++t) cutoff = std::max(cutoff, table[t].cutoff);
        balls.pairs.clear();
        balls.begin.resize(n * types);
        balls.end.resize(n * types);
        std::vector<Candidates> candidates(types);
        std::vector<int32_t> hits;
        for (int64_t here = 0; here < total; ++here) {
            double own = -1;
            for (int a = 0; a < types; ++a)
                for (int64_t q = sorted.first[a * total + here]; q < sorted.first[a * total + here + 1]; ++q)
                    own = std::max(own, radius[sorted.slot[q]]);
            if (own < 0) continue;
            for (auto& c : candidates) c.size = 0;
            collect(sorted, here, cutoff + wide + own + furthest, candidates);
            for (int a = 0; a < types; ++a)
                for (int64_t q = sorted.first[a * total + here]; q < sorted.first[a * total + here + 1]; ++q) {
                    const int32_t i = sorted.slot[q];
                    const double* x = &sorted.at[3 * i];
                    for (int b = 0; b < types; ++b) {
                        const Candidates& c = candidates[b];
                        const int64_t count = c.near(x, table[a * types + b].cutoff + wide + radius[i], hits);
                        const int64_t old = int64_t(balls.pairs.size());
                        balls.pairs.resize(old + count);
                        for (int64_t h = 0; h < count; ++h) {
                            Entry& pair = balls.pairs[old + h];
                            pair.j = c.slot[hits[h]];
                            for (int d = 0; d < 3; ++d) pair.s[d] = c.at[3 * hits[h] + d] - x[d];
                        }
                        balls.begin[i * types + b] = old;
                        balls.end[i * types + b] = old + count;
                    }
                    const double image[3] = {0, 0, 0};
                    candidates[a].add(i, x, image, radius[i]);
                }
        }
        balls.count = int64_t(balls.pairs.size());
        pairs_of_balls += double(balls.count);
    }

    // The balls of the cells in front of a cell. The cells behind it find the same pairs from the other side.
    void collect(const Sorted& sorted, int64_t here, double reach, std::vector<Candidates>& candidates) const {
        const Cells& cells = sorted.cells;
        const int* number = cells.number;
        const int cz = int(here % number[2]), cy = int(here / number[2] % number[1]),
                  cx = int(here / number[2] / number[1]);
        const int wide_x = int(reach / cells.edge[0]) + 1, wide_y = int(reach / cells.edge[1]) + 1;
        for (int ox = 0; ox <= wide_x; ++ox)
            for (int oy = ox ? -wide_y : 0; oy <= wide_y; ++oy) {
                const double gx = std::max(0, ox - 1) * cells.edge[0], gy = std::max(0, std::abs(oy) - 1) * cells.edge[1];
                const double rest = reach * reach - gx * gx - gy * gy;
                if (rest < 0) continue;
                const int wide_z = int(std::sqrt(rest) / cells.edge[2]) + 1;
                const int x = cx + ox, y = cy + oy, ix = floor_of(x, number[0]), iy = floor_of(y, number[1]);
                const int64_t row = (int64_t(x - ix * number[0]) * number[1] + (y - iy * number[1])) * number[2];
                for (int z = cz + (ox || oy ? -wide_z : 1); z <= cz + wide_z;) {
                    const int iz = floor_of(z, number[2]), last = std::min(cz + wide_z, (iz + 1) * number[2] - 1);
                    const double image[3] = {ix * box[0], iy * box[1], iz * box[2]};
                    for (int b = 0; b < types; ++b) {
                        const int64_t* first = &sorted.first[b * cells.total() + row - iz * number[2]];
                        for (int64_t q = first[z]; q < first[last + 1]; ++q) {
                            const int32_t j = sorted.slot[q];
                            candidates[b].add(j, &sorted.at[3 * j], image, radius[j]);
                        }
                    }
                    z = last + 1;
                }
            }
    }

    // The pairs of a list that are nearer than the cutoff + reach in any run.
    void prune(const List& from, List& into, double reach) {
        into.pairs.resize(from.count + 1);
        into.begin.resize(n * types);
        into.end.resize(n * types);
        Entry* to = into.pairs.data();
        int64_t count = 0;
        for (int64_t i = 0; i < n; ++i) {
            const Vector x = load(u + 3 * i * L), y = load(u + (3 * i + 1) * L), z = load(u + (3 * i + 2) * L);
            for (int b = 0; b < types; ++b) {
                into.begin[i * types + b] = count;
                const double near = table[type[i] * types + b].cutoff + reach;
                const Vector limit = all(Scalar(near * near));
                const Entry* const end = from.pairs.data() + from.end[i * types + b];
                for (const Entry* pair = from.pairs.data() + from.begin[i * types + b]; pair < end; ++pair) {
                    const Scalar* at = u + int64_t(pair->j) * 3 * L;
                    const Vector dx = load(at) + pair->s[0] - x, dy = load(at + L) + pair->s[1] - y,
                                 dz = load(at + 2 * L) + pair->s[2] - z;
                    to[count] = *pair;
                    count += any_below(dx * dx + dy * dy + dz * dz, limit);
                }
                into.end[i * types + b] = count;
            }
        }
        into.count = count;
    }

    double moved() const {
        Vector most = all(0);
        for (int64_t i = 0; i < n; ++i) {
            Vector squared = all(0);
            for (int a = 0; a < 3; ++a) {
                const Vector x = load(u + (3 * i + a) * L) - load(since + (3 * i + a) * L);
                squared += x * x;
            }
            most = larger(most, squared);
        }
        return std::sqrt(largest(most));
    }

    void renew() {
        if (built == 0 || !inside()) {
            recentre();
            search();
        }
        prune(balls, outer, wide);
        std::memcpy(since, u, sizeof(Scalar) * 3 * n * L);
        ++renewed;
        pairs_of_outer += double(outer.count);
    }

    // Not inlined: in `advance` the compiler runs out of registers for the addresses, which costs a seventh of the time.
    __attribute__((noinline)) void forces() {
        const Scalar* const place = u;
        Scalar* const force = f;
        const Entry* const pairs = inner.pairs.data();
        pairs_computed += double(inner.count);
        for (int64_t i = 0; i < n; ++i) {
            const Vector x = load(place + 3 * i * L), y = load(place + (3 * i + 1) * L), z = load(place + (3 * i + 2) * L);
            Scalar* mine = force + 3 * i * L;
            Vector fx = load(mine), fy = load(mine + L), fz = load(mine + 2 * L);
            for (int b = 0; b < types; ++b) {
                const Interaction& t = table[type[i] * types + b];
                const Vector twelve = all(Scalar(t.twelve)), six = all(Scalar(t.six)), slope = all(Scalar(t.slope)),
                             cut = all(Scalar(t.cutoff * t.cutoff));
                const Entry* const end = pairs + inner.end[i * types + b];
                for (const Entry* pair = pairs + inner.begin[i * types + b]; pair < end; ++pair) {
                    const Scalar* at = place + int64_t(pair->j) * 3 * L;
                    const Vector dx = load(at) + pair->s[0] - x, dy = load(at + L) + pair->s[1] - y,
                                 dz = load(at + 2 * L) + pair->s[2] - z;
                    const Vector r2 = dx * dx + dy * dy + dz * dz;
                    const Vector inverse = inverse_root(r2), inverse2 = inverse * inverse;
                    const Vector p = inverse2 * inverse2 * inverse2;
                    Vector g = (twelve * p - six) * (p * inverse2) + slope * inverse;
                    g = r2 < cut ? g : Vector{};
                    fx -= g * dx;
                    fy -= g * dy;
                    fz -= g * dz;
                    Scalar* other = force + int64_t(pair->j) * 3 * L;
                    store(other, load(other) + g * dx);
                    store(other + L, load(other + L) + g * dy);
                    store(other + 2 * L, load(other + 2 * L) + g * dz);
                }
            }
            store(mine, fx);
            store(mine + L, fy);
            store(mine + 2 * L, fz);
        }
    }

    // Velocity Verlet in the form of the leapfrog. False if a particle is faster than any liquid, or not a number.
    bool advance(int64_t steps, double timestep) {
        std::memset(f, 0, sizeof(Scalar) * 3 * n * L);
        renew();
        prune(outer, inner, skin);
        forces();
        const Scalar dt = Scalar(timestep), half = Scalar(timestep / 2);
        double room = skin;
        for (int64_t step = 0; step < steps; ++step) {
            const Scalar kick = step == 0 ? half : dt;
            Vector first = all(0), second = all(0), sum = all(0);  // the two largest squared speeds of every run
            for (int64_t i = 0; i < n; ++i) {
                Vector speed = all(0);
                for (int a = 0; a < 3; ++a) {
                    const int64_t at = (3 * i + a) * L;
                    const Vector w = load(v + at) + load(f + at) * kick;
                    store(v + at, w);
                    store(u + at, load(u + at) + w * dt);
                    store(f + at, Vector{});
                    speed += w * w;
                }
                second = larger(second, smaller(first, speed));
                first = larger(first, speed);
                sum += speed;
            }
            double approach = 0;
            for (int k = 0; k < L; ++k) {
                const double fastest = std::sqrt(double(first[k])) + std::sqrt(double(second[k]));
                // A comparison with NaN is false.
                if (!(fastest * timestep < 1 && sum[k] < 1e30)) return false;
                approach = std::max(approach, fastest);
            }
            room -= approach * timestep * SLACK;
            if (room < 0) {
                if (2 * moved() * SLACK > wide - skin) renew();
                prune(outer, inner, skin);
                ++pruned;
                room = skin;
            }
            forces();
        }
        for (int64_t at = 0; steps > 0 && at < 3 * n * L; at += L) store(v + at, load(v + at) + load(f + at) * half);
        steps_done += double(steps + 1);
        return true;
    }

    // Potential and kinetic energy of every run, (2, L), summed over the particles.
    void energies(double* energy) const {
        std::fill(energy, energy + 2 * L, 0.0);
        for (int64_t i = 0; i < n; ++i) {
            for (int a = 0; a < 3; ++a)
                for (int k = 0; k < L; ++k) {
                    const double w = v[(3 * i + a) * L + k];
                    energy[L + k] += 0.5 * w * w;
                }
            for (int b = 0; b < types; ++b) {
                const Interaction& t = table[type[i] * types + b];
                for (int64_t q = inner.begin[i * types + b]; q < inner.end[i * types + b]; ++q) {
                    const Entry& pair = inner.pairs[q];
                    for (int k = 0; k < L; ++k) {
                        double r2 = 0;
                        for (int a = 0; a < 3; ++a) {
                            const double d = double(u[(int64_t(pair.j) * 3 + a) * L + k]) + pair.s[a] - u[(3 * i + a) * L + k];
                            r2 += d * d;
                        }
                        if (r2 < t.cutoff * t.cutoff) {
                            const double p = 1 / (r2 * r2 * r2);
                            energy[k] += (t.energy12 * p - t.energy6) * p - t.constant - t.slope * std::sqrt(r2);
                        }
                    }
                }
            }
        }
    }
};

}  // namespace

// Advance a group of runs. Arrays: type (n), box (3), table (types, types, 7), centre (n, 3), u and v (n, 3, L), particle
// (n, L), image (n, 3, L), energy (2, L) or null, profile (7). Returns 0, or 1 if a run exploded.
template <typename Scalar, int L>
int advance(int64_t n, int32_t types, const int32_t* type, const double* box, const double* table, double* centre,
            Scalar* u, Scalar* v, int32_t* particle, int32_t* image, int64_t steps, double timestep, double skin,
            double wide, double margin, double* energy, double* profile) {
    // Vectors of 64 bytes that cross no cache line.
    const size_t bytes = sizeof(Scalar) * 3 * n * L;
    std::vector<char> space(4 * bytes + 64);
    char* aligned = space.data() + (64 - reinterpret_cast<uintptr_t>(space.data()) % 64) % 64;
    Lanes<Scalar, L> lanes;
    lanes.n = n;
    lanes.types = types;
    lanes.type = type;
    lanes.box = box;
    lanes.table = reinterpret_cast<const Interaction*>(table);
    lanes.skin = skin;
    lanes.wide = wide;
    lanes.margin = margin;
    lanes.centre = centre;
    lanes.u = reinterpret_cast<Scalar*>(aligned);
    lanes.v = reinterpret_cast<Scalar*>(aligned + bytes);
    lanes.f = reinterpret_cast<Scalar*>(aligned + 2 * bytes);
    lanes.since = reinterpret_cast<Scalar*>(aligned + 3 * bytes);
    lanes.radius.resize(n);
    std::memcpy(lanes.u, u, bytes);
    std::memcpy(lanes.v, v, bytes);
    Exchange<Scalar, L>{n, types, type, box, centre, lanes.u, lanes.v, particle, image}.run();
    if (!lanes.advance(steps, timestep)) return 1;
    if (energy) lanes.energies(energy);
    std::memcpy(u, lanes.u, bytes);
    std::memcpy(v, lanes.v, bytes);
    const double numbers[7] = {lanes.built, lanes.renewed, lanes.pruned, lanes.steps_done,
                               lanes.pairs_of_balls / lanes.built / n, lanes.pairs_of_outer / lanes.renewed / n,
                               lanes.pairs_computed / lanes.steps_done / n};
    std::copy(numbers, numbers + 7, profile);
    return 0;
}

#define ADVANCE(NAME, SCALAR, LANES)                                                                                    \
    extern "C" int NAME(int64_t n, int32_t types, const int32_t* type, const double* box, const double* table,          \
                        double* centre, SCALAR* u, SCALAR* v, int32_t* particle, int32_t* image, int64_t steps,         \
                        double timestep, double skin, double wide, double margin, double* energy, double* profile) {    \
        return advance<SCALAR, LANES>(n, types, type, box, table, centre, u, v, particle, image, steps, timestep, skin, \
                                      wide, margin, energy, profile);                                                   \
    }

ADVANCE(advance_single_16, float, 16)
ADVANCE(advance_single_8, float, 8)
ADVANCE(advance_single_4, float, 4)
ADVANCE(advance_double_8, double, 8)
ADVANCE(advance_double_4, double, 4)

// The number of runs that a vector of this machine holds in single precision.
extern "C" int widest() {
#if defined(__AVX512F__)
    return 16;
#elif defined(__AVX2__)
    return 8;
#else
    return 4;
#endif
}
