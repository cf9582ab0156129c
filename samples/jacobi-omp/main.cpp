// Damped Jacobi sweeps for a steady convection-diffusion equation on an n x n grid.
// The wind makes every neighbour's weight different; the eight weights add up to one, so no value
// can leave the range of the initial ones.
#include <cstdio>
#include <cstdlib>
#include <vector>

static const float *solve(float *grid, float *next, int n, int sweeps) {
    for (int sweep = 0; sweep < sweeps; sweep++) {
#pragma omp parallel for
        for (int i = 1; i < n - 1; i++) {
            for (int j = 1; j < n - 1; j++) {
                const int c = i * n + j;
                next[c] = 0.1 * grid[c] + 0.9 * (0.22 * grid[c - 1] + 0.18 * grid[c + 1] +
                                                 0.21 * grid[c - n] + 0.19 * grid[c + n] +
                                                 0.06 * grid[c - n - 1] + 0.05 * grid[c - n + 1] +
                                                 0.05 * grid[c + n - 1] + 0.04 * grid[c + n + 1]);
            }
        }
#pragma omp parallel for
        for (int c = 0; c < n * n; c++) {
            grid[c] = next[c];
        }
    }
    return grid;
}

static void initialise(std::vector<float> &grid, int n) {
    unsigned seed = 12345;
    for (float &value : grid) {
        seed = seed * 1664525u + 1013904223u;
        value = 0.5f * (seed >> 8) / 16777216.0f;
    }
    for (int j = 0; j < n; j++) {
        grid[j] = 1.0f;
    }
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "Usage: %s <grid size> <sweeps>\n", argv[0]);
        return 1;
    }
    const int n = atoi(argv[1]);
    const int sweeps = atoi(argv[2]);
    if (n < 3 || sweeps < 1) {
        fprintf(stderr, "the grid needs at least 3 x 3 points, and one sweep\n");
        return 1;
    }

    std::vector<float> grid(n * n);
    initialise(grid, n);
    std::vector<float> next(grid); // the sweeps never write the boundary

    const float *result = solve(grid.data(), next.data(), n, sweeps);

    double checksum = 0.0;
    bool bounded = true;
    for (int c = 0; c < n * n; c++) {
        checksum += result[c] * (1 + c % 7);
        bounded = bounded && result[c] >= -1e-5f && result[c] <= 1.0f + 1e-5f;
    }
    printf("checksum %.9g\n", checksum / n);
    printf("below the hot edge %.9g\n", result[n + n / 2]);
    printf("centre %.9g\n", result[(n / 2) * n + n / 2]);
    printf("%s\n", bounded ? "PASS" : "FAIL");
    return bounded ? 0 : 1;
}
