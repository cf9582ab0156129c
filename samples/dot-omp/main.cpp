// Dot product of two vectors of doubles. The threads share one sum and take turns at it.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

static double dot(const double *x, const double *y, int n) {
    double sum = 0.0;
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
#pragma omp atomic
        sum += x[i] * y[i];
    }
    return sum;
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "Usage: %s <length> <repeat>\n", argv[0]);
        return 1;
    }
    const int n = atoi(argv[1]);
    const int repeat = atoi(argv[2]);
    if (n < 1 || repeat < 1) {
        fprintf(stderr, "both arguments must be positive\n");
        return 1;
    }

    std::vector<double> x(n), y(n);
    long double reference = 0.0L;
    for (int i = 0; i < n; i++) {
        x[i] = 1.0 + (i % 1000) * 0.001;
        y[i] = 1.0 / (1.0 + i % 17);
        reference += x[i] * y[i];
    }

    double total = 0.0;
    const auto start = std::chrono::steady_clock::now();
    for (int r = 0; r < repeat; r++) {
        total += dot(x.data(), y.data(), n);
    }
    const std::chrono::duration<double, std::micro> elapsed =
        std::chrono::steady_clock::now() - start;
    printf("Average kernel execution time: %f (us)\n", elapsed.count() / repeat);

    const double expected = (double)(repeat * reference);
    const bool ok = std::fabs(total - expected) <= 1e-10 * expected;
    printf("total %.17g\n", total);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
