// Heat in a square plate: a fixed number of explicit steps.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

static void step(const double *in, double *out, int n) {
#pragma omp parallel for
    for (int i = 1; i < n - 1; i++) {
        for (int j = 1; j < n - 1; j++) {
            out[i * n + j] = 0.25 * (in[(i - 1) * n + j] + in[(i + 1) * n + j] + in[i * n + j - 1] + in[i * n + j + 1]);
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s <n> <steps>\n", argv[0]);
        return 2;
    }
    const int n = atoi(argv[1]);
    const int steps = atoi(argv[2]);
    std::vector<double> grid(n * n), next(n * n);
    for (int i = 0; i < n * n; i++) {
        grid[i] = next[i] = (i * 37 % 101) * 0.01;
    }
    auto begin = std::chrono::steady_clock::now();
    for (int t = 0; t < steps; t++) {
        step(grid.data(), next.data(), n);
        memcpy(grid.data(), next.data(), sizeof(double) * n * n);
    }
    auto end = std::chrono::steady_clock::now();
    double seconds = std::chrono::duration<double>(end - begin).count();
    printf("Average step time: %f ms\n", seconds * 1e3 / steps);
    double sum = 0.0;
    for (int i = 0; i < n * n; i++) {
        sum += grid[i];
    }
    FILE *file = fopen("grid.bin", "wb");
    fwrite(grid.data(), sizeof(double), grid.size(), file);
    fclose(file);
    printf("sum %.12g\n", sum);
    return 0;
}
