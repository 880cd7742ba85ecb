// Vectors of lanes with the width of the registers of the processor, and memory with their alignment.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

using real = REAL;
using Index = std::int64_t;

#if defined(__AVX512F__)
constexpr int register_bytes = 64, register_count = 32;
#elif defined(__AVX__)
constexpr int register_bytes = 32, register_count = 16;
#elif defined(__aarch64__)
constexpr int register_bytes = 16, register_count = 32;
#else
constexpr int register_bytes = 16, register_count = 16;
#endif
constexpr int lanes_max = register_bytes / int(sizeof(real));
constexpr int accumulators_max = register_count == 32 ? 28 : 12;

template <int W>
struct VectorOf {
    typedef real type __attribute__((vector_size(W * sizeof(real))));
};
template <int W>
using Vector = typename VectorOf<W>::type;

#define INLINE inline __attribute__((always_inline))
// For the bodies of repeat; it stands after their parameters.
#define FLAT __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
// For loops of constant length over arrays of registers.
#define UNROLL _Pragma("GCC unroll 64")

template <int W>
INLINE Vector<W> load(const real* from) {
    Vector<W> x;
    std::memcpy(&x, from, sizeof x);
    return x;
}

template <int W>
INLINE void store(real* to, Vector<W> x) {
    std::memcpy(to, &x, sizeof x);
}

// Otherwise GCC loads a row again for each of its uses, and loads limit the speed of the small products.
template <int W>
INLINE void keep_in_register([[maybe_unused]] Vector<W>& x) {
#if defined(__AVX512F__) && !defined(__clang__)
    if constexpr (W == lanes_max) asm("" : "+v"(x));
#endif
}

// Calls body(constant 0), ..., body(constant N - 1): a loop whose index is a compile-time constant, even in types.
template <class Body, int... I>
INLINE void repeat(Body&& body, std::integer_sequence<int, I...>) {
    (body(std::integral_constant<int, I>{}), ...);
}
template <int N, class Body>
INLINE void repeat(Body&& body) {
    repeat(body, std::make_integer_sequence<int, N>{});
}

// The lanes with the indices I of x.
template <int W, int... I>
INLINE Vector<sizeof...(I)> pick(Vector<W> x) {
#if __has_builtin(__builtin_shufflevector)
    return __builtin_shufflevector(x, x, I...);
#else
    return Vector<sizeof...(I)>{x[I]...};
#endif
}

template <int W, int... I>
INLINE Vector<2 * W> twice(Vector<W> x, std::integer_sequence<int, I...>) {
    return pick<W, (I % W)...>(x);
}

// The first W lanes of a row of C numbers that is repeated without end. C divides W, or W divides C.
template <int W, int C>
INLINE Vector<W> load_tiled(const real* row) {
    if constexpr (C >= W)
        return load<W>(row);
    else if constexpr (C == 1)
        return Vector<W>{} + row[0];
    else
        return twice<W / 2>(load_tiled<W / 2, C>(row), std::make_integer_sequence<int, W>{});
}

template <int W, int... I>
INLINE Vector<W / 2> halves_added(Vector<W> x, std::integer_sequence<int, I...>) {
    return pick<W, I...>(x) + pick<W, (W / 2 + I)...>(x);
}

// The sums of the lanes of each channel: C numbers from W lanes.
template <int W, int C>
INLINE Vector<(C < W ? C : W)> fold(Vector<W> x) {
    if constexpr (C >= W)
        return x;
    else if constexpr (W == 2)
        return Vector<1>{x[0] + x[1]};
    else
        return fold<W / 2, C>(halves_added<W>(x, std::make_integer_sequence<int, W / 2>{}));
}

constexpr int power_of_two(int n) {
    int p = 1;
    while (p < n) p *= 2;
    return p;
}
constexpr int round_up(int n, int step) { return (n + step - 1) / step * step; }
// Channels are padded such that a row is one vector, or several full vectors.
constexpr int padded(int n) { return n <= lanes_max ? power_of_two(n) : round_up(n, lanes_max); }

class Buffer {
public:
    Buffer() = default;
    explicit Buffer(Index size) : data_(allocate(size)) { std::fill(data_, data_ + size, real(0)); }
    Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        return *this;
    }
    ~Buffer() { ::operator delete(data_, std::align_val_t(64)); }
    operator real*() { return data_; }
    operator const real*() const { return data_; }

private:
    static real* allocate(Index size) {
        return static_cast<real*>(::operator new(std::max<Index>(size, 1) * sizeof(real), std::align_val_t(64)));
    }
    real* data_ = nullptr;
};
