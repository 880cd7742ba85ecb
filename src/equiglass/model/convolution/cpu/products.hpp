// Products of small matrices, in blocks of rows and columns whose sums stay in registers.
#pragma once

#include "vectors.hpp"

// c[m, :] = start + sum_k a[m * row + k * step] b[k, :] for a block of rows and columns; start is zero, a row, or c.
enum class Start { zero, row, here };

template <int ROWS, int W, int COLUMNS, Start START, bool RELU>
INLINE void multiply_block(Index terms, const real* a, Index row, Index step, const real* b, Index b_stride, real* c,
                           Index c_stride, const real* start) {
    Vector<W> sum[ROWS][COLUMNS];
    UNROLL
    for (int m = 0; m < ROWS; ++m)
        UNROLL
        for (int n = 0; n < COLUMNS; ++n)
            sum[m][n] = START == Start::zero  ? Vector<W>{}
                        : START == Start::row ? load<W>(start + n * W)
                                              : load<W>(c + m * c_stride + n * W);
    for (Index k = 0; k < terms; ++k) {
        Vector<W> right[COLUMNS];
        UNROLL
        for (int n = 0; n < COLUMNS; ++n) {
            right[n] = load<W>(b + k * b_stride + n * W);
            keep_in_register<W>(right[n]);
        }
        UNROLL
        for (int m = 0; m < ROWS; ++m) {
            const real left = a[m * row + k * step];
            UNROLL
            for (int n = 0; n < COLUMNS; ++n) sum[m][n] += right[n] * left;
        }
    }
    UNROLL
    for (int m = 0; m < ROWS; ++m)
        UNROLL
        for (int n = 0; n < COLUMNS; ++n) {
            const Vector<W> value = sum[m][n];
            if constexpr (RELU)
                store<W>(c + m * c_stride + n * W, value > 0 ? value : Vector<W>{});
            else
                store<W>(c + m * c_stride + n * W, value);
        }
}

// The same product for any number of rows, in blocks of ROWS, ROWS / 2, ..., 1 rows.
template <int ROWS, int W, int COLUMNS, Start START, bool RELU>
INLINE void multiply_rows(Index rows, Index terms, const real* a, Index row, Index step, const real* b, Index b_stride,
                          real* c, Index c_stride, const real* start) {
    Index m = 0;
    for (; m + ROWS <= rows; m += ROWS)
        multiply_block<ROWS, W, COLUMNS, START, RELU>(terms, a + m * row, row, step, b, b_stride, c + m * c_stride,
                                                      c_stride, start);
    if constexpr (ROWS > 1)
        multiply_rows<ROWS / 2, W, COLUMNS, START, RELU>(rows - m, terms, a + m * row, row, step, b, b_stride,
                                                         c + m * c_stride, c_stride, start);
}

template <int WIDTH, Start START = Start::here, bool RELU = false, int ROWS = 8>
NOINLINE void multiply(Index rows, Index terms, const real* a, Index row, Index step, const real* b, Index b_stride,
                     real* c, Index c_stride, const real* start = nullptr) {
    constexpr int W = std::min(WIDTH, lanes_max);
    constexpr int vectors = WIDTH / W;
    constexpr int blocks = (vectors + 5) / 6, per_block = (vectors + blocks - 1) / blocks;
    repeat<blocks>([&](auto block) FLAT {
        constexpr int from = block * per_block, columns = std::min(per_block, vectors - from);
        constexpr int at_once = std::max(1, std::min(ROWS, accumulators_max * 6 / 7 / columns));
        multiply_rows<at_once, W, columns, START, RELU>(rows, terms, a, row, step, b + from * W, b_stride,
                                                        c + from * W, c_stride, start + from * W);
    });
}
