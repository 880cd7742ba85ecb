// Search for neighbours in a periodic box: slots sorted by cell, and the balls in front of a cell.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace {

constexpr double CELL = 1.5;       // edge of the cells of the search, LJ length

int floor_of(int x, int cells) { return x >= 0 ? x / cells : -((cells - 1 - x) / cells); }

// Cells of a periodic box.
struct Cells {
    int number[3];
    double edge[3], box[3];

    explicit Cells(const double* edges) {
        for (int a = 0; a < 3; ++a) {
            box[a] = edges[a];
            number[a] = std::max(1, int(box[a] / CELL));
            edge[a] = box[a] / number[a];
        }
    }

    int64_t total() const { return int64_t(number[0]) * number[1] * number[2]; }

    double wrapped(double x, int a) const { return x - box[a] * std::floor(x / box[a]); }

    int64_t of(const double* x) const {
        int64_t index = 0;
        for (int a = 0; a < 3; ++a) index = index * number[a] + std::min(number[a] - 1, int(x[a] / edge[a]));
        return index;
    }
};

// Slots sorted by type and cell.
struct Sorted {
    Cells cells;
    std::vector<double> at;  // wrapped centres, (n, 3)
    std::vector<int64_t> first;
    std::vector<int32_t> slot;

    Sorted(int64_t n, int types, const int32_t* type, const double* box, const double* centre)
        : cells(box), at(3 * n), first(types * cells.total() + 1, 0), slot(n) {
        std::vector<int64_t> cell(n);
        for (int64_t i = 0; i < n; ++i) {
            for (int a = 0; a < 3; ++a) at[3 * i + a] = cells.wrapped(centre[3 * i + a], a);
            cell[i] = type[i] * cells.total() + cells.of(&at[3 * i]);
            ++first[cell[i] + 1];
        }
        for (size_t c = 1; c < first.size(); ++c) first[c] += first[c - 1];
        std::vector<int64_t> next(first.begin(), first.end() - 1);
        for (int64_t i = 0; i < n; ++i) slot[next[cell[i]]++] = int32_t(i);
    }
};

// Balls in front of a cell, in the order of their coordinates in memory.
struct Candidates {
    std::vector<int32_t> slot;
    std::vector<double> at;
    std::vector<float> x, y, z, radius;
    int64_t size = 0;

    void add(int32_t i, const double* position, const double* image, double r) {
        if (size == int64_t(slot.size())) {
            const int64_t room = 2 * size + 64;
            slot.resize(room);
            at.resize(3 * room);
            for (auto* of : {&x, &y, &z, &radius}) of->resize(room);
        }
        slot[size] = i;
        for (int a = 0; a < 3; ++a) at[3 * size + a] = position[a] + image[a];
        x[size] = float(at[3 * size]);
        y[size] = float(at[3 * size + 1]);
        z[size] = float(at[3 * size + 2]);
        radius[size] = float(r);
        ++size;
    }

    // The indices of the balls nearer than `reach` to a position; their number.
    int64_t near(const double* from, double reach, std::vector<int32_t>& hits) const {
        if (int64_t(hits.size()) < size + 16) hits.resize(size + 16);
        // 1e-4 exceeds the rounding of single precision.
        const float a = float(from[0]), b = float(from[1]), c = float(from[2]), limit = float(reach + 1e-4);
        int64_t count = 0, k = 0;
#ifdef __AVX512F__
        __m512i index = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        for (; k + 16 <= size; k += 16) {
            const __m512 dx = _mm512_loadu_ps(&x[k]) - _mm512_set1_ps(a), dy = _mm512_loadu_ps(&y[k]) - _mm512_set1_ps(b),
                         dz = _mm512_loadu_ps(&z[k]) - _mm512_set1_ps(c),
                         l = _mm512_loadu_ps(&radius[k]) + _mm512_set1_ps(limit);
            const __mmask16 mask = _mm512_cmp_ps_mask(dx * dx + dy * dy + dz * dz, l * l, _CMP_LT_OQ);
            _mm512_storeu_si512(&hits[count], _mm512_maskz_compress_epi32(mask, index));
            count += __builtin_popcount(mask);
            index = _mm512_add_epi32(index, _mm512_set1_epi32(16));
        }
#endif
        for (; k < size; ++k) {
            const float dx = x[k] - a, dy = y[k] - b, dz = z[k] - c, l = radius[k] + limit;
            hits[count] = int32_t(k);
            count += dx * dx + dy * dy + dz * dz < l * l;
        }
        return count;
    }
};

}  // namespace
