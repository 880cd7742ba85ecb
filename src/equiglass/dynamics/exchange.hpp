// Particles of one type that have changed places exchange their slots.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cells.hpp"

namespace {

constexpr double DISPLACED = 0.5;  // a particle farther from its centre may be exchanged, LJ length

template <typename Scalar, int L>
struct Exchange {
    int64_t n;
    int types;
    const int32_t* type;
    const double *box, *centre;
    Scalar *u, *v;
    int32_t *particle, *image;

    // Exchange particles of the same type in the same run, so that they lie near the centres of their slots again.
    // A cycle of exchanges is done if it lowers the sum of squared distances.
    void run() {
        const Sorted sorted(n, types, type, box, centre);
        std::vector<int64_t> cycle;
        for (int k = 0; k < L; ++k)
            for (int64_t start = 0; start < n; ++start) {
                if (distance2(start, start, k) <= DISPLACED * DISPLACED) continue;
                cycle.assign(1, start);
                double change = -distance2(start, start, k);
                while (cycle.size() < 8) {
                    const int64_t from = cycle.back(), to = nearest(sorted, from, k, cycle);
                    if (to < 0) break;
                    change += distance2(from, to, k) - distance2(to, to, k);
                    cycle.push_back(to);
                    if (change + distance2(to, start, k) < -0.01) {
                        // The particle of every slot of the cycle moves to the next slot.
                        double place[3], velocity[3], next_place[3], next_velocity[3];
                        int32_t who, shift[3], next_who, next_shift[3];
                        take(cycle.back(), k, place, velocity, who, shift);
                        for (int64_t slot : cycle) {
                            take(slot, k, next_place, next_velocity, next_who, next_shift);
                            put(slot, k, place, velocity, who, shift);
                            std::copy(next_place, next_place + 3, place);
                            std::copy(next_velocity, next_velocity + 3, velocity);
                            std::copy(next_shift, next_shift + 3, shift);
                            who = next_who;
                        }
                        break;
                    }
                }
            }
    }

    // Squared distance of the particle of a slot in run k from the centre of another slot.
    double distance2(int64_t of, int64_t from, int k) const {
        double squared = 0;
        for (int a = 0; a < 3; ++a) {
            double d = centre[3 * of + a] + u[(3 * of + a) * L + k] - centre[3 * from + a];
            if (of != from) d -= box[a] * std::round(d / box[a]);
            squared += d * d;
        }
        return squared;
    }

    // The slot, other than those of the cycle, whose centre is nearest to the particle and nearer than its own; or -1.
    int64_t nearest(const Sorted& sorted, int64_t of, int k, const std::vector<int64_t>& cycle) const {
        const Cells& cells = sorted.cells;
        double at[3], best = distance2(of, of, k);
        int from[3], to[3];
        const double reach = std::min(std::sqrt(best), CELL);
        best = std::min(best, reach * reach);
        for (int a = 0; a < 3; ++a) {
            at[a] = cells.wrapped(centre[3 * of + a] + u[(3 * of + a) * L + k], a);
            from[a] = int(std::floor((at[a] - reach) / cells.edge[a]));
            to[a] = int(std::floor((at[a] + reach) / cells.edge[a]));
        }
        int64_t found = -1;
        for (int x = from[0]; x <= to[0]; ++x)
            for (int y = from[1]; y <= to[1]; ++y)
                for (int z = from[2]; z <= to[2]; ++z) {
                    const int* number = cells.number;
                    const int64_t cell = (int64_t(x - floor_of(x, number[0]) * number[0]) * number[1] +
                                          (y - floor_of(y, number[1]) * number[1])) * number[2] +
                                         (z - floor_of(z, number[2]) * number[2]) + type[of] * cells.total();
                    for (int64_t q = sorted.first[cell]; q < sorted.first[cell + 1]; ++q) {
                        const int32_t slot = sorted.slot[q];
                        const double d = distance2(of, slot, k);
                        if (d < best && std::find(cycle.begin(), cycle.end(), slot) == cycle.end()) {
                            best = d;
                            found = slot;
                        }
                    }
                }
        return found;
    }

    void take(int64_t slot, int k, double* place, double* velocity, int32_t& who, int32_t* shift) const {
        who = particle[slot * L + k];
        for (int a = 0; a < 3; ++a) {
            place[a] = centre[3 * slot + a] + u[(3 * slot + a) * L + k];
            velocity[a] = v[(3 * slot + a) * L + k];
            shift[a] = image[(3 * slot + a) * L + k];
        }
    }

    void put(int64_t slot, int k, const double* place, const double* velocity, int32_t who, const int32_t* shift) {
        particle[slot * L + k] = who;
        for (int a = 0; a < 3; ++a) {
            const double d = place[a] - centre[3 * slot + a], turns = std::round(d / box[a]);
            u[(3 * slot + a) * L + k] = Scalar(d - turns * box[a]);
            v[(3 * slot + a) * L + k] = Scalar(velocity[a]);
            image[(3 * slot + a) * L + k] = shift[a] + int32_t(turns);
        }
    }
};

}  // namespace
