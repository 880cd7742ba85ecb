// A vector with one number per run, and what the engine does with it.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace {

template <typename Scalar, int L>
struct Vectors {
    typedef Scalar Vector __attribute__((vector_size(sizeof(Scalar) * L)));

    static Vector all(Scalar x) { return Vector{} + x; }

    static Vector load(const Scalar* from) {
        Vector x;
        std::memcpy(&x, from, sizeof x);
        return x;
    }

    static void store(Scalar* to, Vector x) { std::memcpy(to, &x, sizeof x); }

    static Vector larger(Vector a, Vector b) { return a > b ? a : b; }

    static Vector smaller(Vector a, Vector b) { return a < b ? a : b; }

    static double largest(Vector a) {
        double x = a[0];
        for (int k = 1; k < L; ++k) x = std::max(x, double(a[k]));
        return x;
    }

    static bool any_below(Vector x, Vector limit) {
#ifdef __AVX512F__
        if constexpr (sizeof(Vector) == 64 && sizeof(Scalar) == 4)
            return _mm512_cmp_ps_mask((__m512)x, (__m512)limit, _CMP_LT_OQ) != 0;
        else if constexpr (sizeof(Vector) == 64)
            return _mm512_cmp_pd_mask((__m512d)x, (__m512d)limit, _CMP_LT_OQ) != 0;
        else if constexpr (sizeof(Vector) == 32 && sizeof(Scalar) == 4)
            return _mm256_movemask_ps((__m256)(x < limit)) != 0;
#endif
        bool any = false;
        for (int k = 0; k < L; ++k) any |= x[k] < limit[k];
        return any;
    }

    static Vector inverse_root(Vector x) {
#ifdef __AVX512F__
        // Newton's method doubles the 14 bits of the instruction.
        if constexpr (sizeof(Vector) == 64 && sizeof(Scalar) == 4) {
            const Vector y = (Vector)_mm512_rsqrt14_ps((__m512)x);
            return y + y * (Scalar(0.5) * (Scalar(1) - (x * y) * y));
        } else if constexpr (sizeof(Vector) == 64) {
            Vector y = (Vector)_mm512_rsqrt14_pd((__m512d)x);
            for (int pass = 0; pass < 3; ++pass) y = y + y * (Scalar(0.5) * (Scalar(1) - (x * y) * y));
            return y;
        } else
#endif
        {
            Vector y{};
            for (int k = 0; k < L; ++k) y[k] = Scalar(1) / std::sqrt(x[k]);
            return y;
        }
    }
};

}  // namespace
