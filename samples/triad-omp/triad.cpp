// The STREAM-like triad a = b + s c: nothing to mend, the memory is what limits it.
#include <cstdio>
#include <cstdlib>
#include <vector>

static void triad(double *a, const double *b, const double *c, double s, int n) {
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        a[i] = b[i] + s * c[i];
    }
}

int main(int argc, char *argv[]) {
    const int n = argc > 1 ? atoi(argv[1]) : 1000000;
    const int repeat = argc > 2 ? atoi(argv[2]) : 100;
    if (n < 1 || repeat < 1) {
        fprintf(stderr, "Usage: %s [length] [repeat]\n", argv[0]);
        return 1;
    }

    std::vector<double> a(n, 0.0), b(n), c(n);
    for (int i = 0; i < n; i++) {
        b[i] = i % 13;
        c[i] = 1.0 + i % 7;
    }
    for (int r = 0; r < repeat; r++) {
        triad(a.data(), b.data(), c.data(), 0.5 * (r + 1), n);
        b.swap(a);
    }

    // All terms are multiples of a half and small: the sums are exact.
    double checksum = 0.0;
    bool ok = true;
    const double scale = 0.25 * repeat * (repeat + 1);
    for (int i = 0; i < n; i++) {
        checksum += b[i];
        ok = ok && b[i] == i % 13 + scale * (1.0 + i % 7);
    }
    printf("checksum %.17g\n", checksum);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
