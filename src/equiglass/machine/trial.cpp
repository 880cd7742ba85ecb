// A library that does nothing: whether the compiler of this machine works is known from compiling and loading it.

#include <cmath>
#include <vector>

extern "C" double trial(double x) {
    const std::vector<double> values{x};
    return std::sqrt(values.front());
}
