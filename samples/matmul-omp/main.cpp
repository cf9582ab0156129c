// C += A B for square matrices of doubles, written as the textbook has it: the innermost loop walks
// down a column of B, one cache line a step.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

static void multiply(const double *a, const double *b, double *c, int n) {
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            for (int k = 0; k < n; k++) {
                c[i * n + j] += a[i * n + k] * b[k * n + j];
            }
        }
    }
}

// y = M x
static std::vector<double> apply(const std::vector<double> &m, const std::vector<double> &x) {
    const size_t n = x.size();
    std::vector<double> y(n, 0.0);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            y[i] += m[i * n + j] * x[j];
        }
    }
    return y;
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "Usage: %s <matrix size> <repeat>\n", argv[0]);
        return 1;
    }
    const int n = atoi(argv[1]);
    const int repeat = atoi(argv[2]);
    if (n < 1 || repeat < 1) {
        fprintf(stderr, "both arguments must be positive\n");
        return 1;
    }

    std::vector<double> a(n * n), b(n * n), c(n * n, 0.0), ones(n, 1.0);
    unsigned seed = 2024;
    for (int i = 0; i < n * n; i++) {
        seed = seed * 1664525u + 1013904223u;
        a[i] = (seed >> 8) / 16777216.0;
        seed = seed * 1664525u + 1013904223u;
        b[i] = (seed >> 8) / 16777216.0 - 0.25;
    }

    for (int r = 0; r < repeat; r++) {
        multiply(a.data(), b.data(), c.data(), n);
    }

    // (A B) 1 must be A (B 1)
    const std::vector<double> got = apply(c, ones);
    const std::vector<double> expected = apply(a, apply(b, ones));
    bool ok = true;
    double checksum = 0.0;
    for (int i = 0; i < n; i++) {
        ok = ok && std::fabs(got[i] - repeat * expected[i]) <= 1e-9 * repeat * n * n;
        for (int j = 0; j < n; j++) {
            checksum += c[i * n + j] * (1 + (i + j) % 5);
        }
    }
    printf("checksum %.17g\n", checksum);
    printf("first %.17g last %.17g\n", c[0], c[n * n - 1]);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
