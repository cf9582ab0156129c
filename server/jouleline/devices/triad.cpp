// a[i] = b[i] + s * c[i] over arrays that no cache holds: prints the best rate in bytes a second,
// counting 24 bytes an element (two loads, one store; the store's own read is not counted).
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const std::ptrdiff_t n = std::atoll(argv[1]);
    const double budget_s = std::atof(argv[2]);
    // Uninitialised on purpose: the first parallel write decides which memory node holds a page.
    const std::unique_ptr<double[]> a(new double[n]), b(new double[n]), c(new double[n]);
#pragma omp parallel for schedule(static)
    for (std::ptrdiff_t i = 0; i < n; ++i) { a[i] = 0.0; b[i] = 1.0 + 1e-9 * i; c[i] = 2.0; }

    using clock = std::chrono::steady_clock;
    const auto begin = clock::now();
    double best_s = 1e30, sum = 0.0;
    for (int pass = 0; pass < 3 || std::chrono::duration<double>(clock::now() - begin).count() < budget_s; ++pass) {
        const double s = 3.0 + pass;
        const auto start = clock::now();
#pragma omp parallel for schedule(static)
        for (std::ptrdiff_t i = 0; i < n; ++i) a[i] = b[i] + s * c[i];
        const double took_s = std::chrono::duration<double>(clock::now() - start).count();
        if (took_s < best_s) best_s = took_s;
        sum += a[n / 2];  // keeps the passes from being optimised away
    }
    std::printf("%.6e %.6e\n", 24.0 * n / best_s, sum);
    return 0;
}
