// Sum of absolute values on the device. All threads add to one number, atomically.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

static double norm1(const double *x, int n) {
    double sum = 0.0;
#pragma omp target teams distribute parallel for map(to : x[0 : n]) map(tofrom : sum)
    for (int i = 0; i < n; i++) {
#pragma omp atomic update
        sum += x[i] < 0.0 ? -x[i] : x[i];
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

    std::vector<double> x(n);
    unsigned seed = 5;
    long double reference = 0.0L;
    for (double &value : x) {
        seed = seed * 1664525u + 1013904223u;
        value = (seed >> 8) / 8388608.0 - 1.0;
        reference += std::fabs(value);
    }

    double total = 0.0;
    for (int r = 0; r < repeat; r++) {
        total += norm1(x.data(), n);
    }

    const double expected = (double)(repeat * reference);
    const bool ok = std::fabs(total - expected) <= 1e-10 * expected;
    printf("total %.17g\n", total);
    printf("mean %.17g\n", total / repeat / n);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
