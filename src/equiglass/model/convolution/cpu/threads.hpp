// The distribution of work among threads.
#pragma once

#include <algorithm>
#include <exception>
#include <vector>

#include "vectors.hpp"

// Calls work(thread, begin, end) for consecutive ranges of receivers with about equal numbers of edges. With OpenMP,
// the threads of torch do the work. Other threads would compete with them, since they wait for work in a busy loop.
template <class Work>
void in_threads(int threads, Index nodes, const Index* row_ptr, Work&& work) {
    std::vector<Index> bounds(threads + 1, nodes);
    bounds[0] = 0;
    for (int t = 1; t < threads; ++t) {
        const Index wanted = row_ptr[nodes] / threads * t;
        bounds[t] = std::lower_bound(row_ptr, row_ptr + nodes, wanted) - row_ptr;
    }
    std::vector<std::exception_ptr> failures(threads);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; ++t) {
        try {
            work(t, bounds[t], bounds[t + 1]);
        } catch (...) {
            failures[t] = std::current_exception();
        }
    }
    for (auto& failure : failures)
        if (failure) std::rethrow_exception(failure);
}

// Calls work(thread, begin, end) for equal parts of 0..size.
template <class Work>
void in_parts(int threads, Index size, Work&& work) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; ++t) work(t, size * t / threads, size * (t + 1) / threads);
}

// Calls work(thread, first, number) for all blocks of 0..size.
template <Index BLOCK, class Work>
void in_blocks(int threads, Index size, Work&& work) {
    in_parts(threads, (size + BLOCK - 1) / BLOCK, [&](int t, Index begin, Index end) {
        for (Index b = begin; b < end; ++b) work(t, b * BLOCK, std::min(BLOCK, size - b * BLOCK));
    });
}
