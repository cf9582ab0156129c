// A stream: two arrays read and one written, again and again.
#include <cstdio>
#include <cstdlib>
#include <omp.h>

int main(int argc, char **argv) {
    const int n = atoi(argv[1]);
    const int repeat = atoi(argv[2]);
    double *a = (double *)malloc(n * sizeof(double));
    double *b = (double *)malloc(n * sizeof(double));
    double *c = (double *)malloc(n * sizeof(double));
    for (int i = 0; i < n; i++) {
        a[i] = 0.0;
        b[i] = i % 13;
        c[i] = i % 7;
    }
    double start = omp_get_wtime();
    for (int r = 0; r < repeat; r++) {
#pragma omp parallel for
        for (int i = 0; i < n; i++) {
            a[i] = b[i] + 0.5 * c[i];
        }
    }
    double seconds = omp_get_wtime() - start;
    printf("Rate: %.1f GB/s\n", 3e-9 * sizeof(double) * n * repeat / seconds);
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += a[i];
    }
    printf("sum %.6f\n", sum);
    free(a);
    free(b);
    free(c);
    return 0;
}
