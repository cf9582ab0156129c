// Counts how often values occur, with atomic updates: the updates are what is measured.
#include <cstdio>
#include <cstdlib>
#include <vector>
#include <omp.h>

#define BINS 64

unsigned hash(unsigned x) {
    x ^= x >> 16;
    x *= 0x7feb352dU;
    x ^= x >> 15;
    return x;
}

int main(int argc, char **argv) {
    const int n = atoi(argv[1]);
    const int repeat = atoi(argv[2]);
    std::vector<unsigned> values(n);
    srand(123);
    for (int i = 0; i < n; i++) {
        values[i] = hash(i) + rand() % 3;
    }
    int bins[BINS] = {0};
    long touched = 0;
    double begin = omp_get_wtime();
    for (int r = 0; r < repeat; r++) {
        for (int b = 0; b < BINS; b++) {
            bins[b] = 0;
        }
#pragma omp parallel for
        for (int i = 0; i < n; i++) {
#pragma omp atomic
            bins[values[i] % BINS]++;
#pragma omp atomic
            touched += 1;
        }
    }
    double end = omp_get_wtime();
    printf("Average time: %lf us\n", (end - begin) * 1e6 / repeat);
    long weighted = 0;
    for (int b = 0; b < BINS; b++) {
        weighted += (long)b * bins[b];
    }
    printf("weighted %ld\n", weighted);
    if (touched < 0) {
        printf("overflow\n");
    }
    return 0;
}
