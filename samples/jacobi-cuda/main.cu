// Jacobi sweeps on an n x n grid: each point becomes the mean of itself and its four neighbours.
// The literal 0.2 is a double, and the whole grid is copied back after every sweep.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

__global__ void jacobi_step(const float *grid, float *next, int n) {
    const int i = blockIdx.y * blockDim.y + threadIdx.y;
    const int j = blockIdx.x * blockDim.x + threadIdx.x;
    if (i > 0 && i < n - 1 && j > 0 && j < n - 1) {
        const int c = i * n + j;
        next[c] = 0.2 * (grid[c] + grid[c - 1] + grid[c + 1] + grid[c - n] + grid[c + n]);
    }
}

static void reference_step(const std::vector<float> &grid, std::vector<float> &next, int n) {
    for (int i = 1; i < n - 1; i++) {
        for (int j = 1; j < n - 1; j++) {
            const int c = i * n + j;
            next[c] = 0.2f * (grid[c] + grid[c - 1] + grid[c + 1] + grid[c - n] + grid[c + n]);
        }
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

    const size_t bytes = sizeof(float) * n * n;
    std::vector<float> grid(n * n);
    unsigned seed = 4711;
    for (float &value : grid) {
        seed = seed * 1664525u + 1013904223u;
        value = (seed >> 8) / 16777216.0f;
    }
    std::vector<float> result(n * n);

    float *d_grid, *d_next;
    cudaMalloc(&d_grid, bytes);
    cudaMalloc(&d_next, bytes);
    cudaMemcpy(d_grid, grid.data(), bytes, cudaMemcpyHostToDevice);
    cudaMemcpy(d_next, grid.data(), bytes, cudaMemcpyHostToDevice);
    const dim3 block(32, 8);
    const dim3 blocks((n + block.x - 1) / block.x, (n + block.y - 1) / block.y);
    for (int sweep = 0; sweep < sweeps; sweep++) {
        jacobi_step<<<blocks, block>>>(d_grid, d_next, n);
        cudaMemcpy(d_grid, d_next, bytes, cudaMemcpyDeviceToDevice);
    }
    cudaMemcpy(result.data(), d_grid, bytes, cudaMemcpyDeviceToHost);
    cudaFree(d_grid);
    cudaFree(d_next);

    std::vector<float> next(grid);
    for (int sweep = 0; sweep < sweeps; sweep++) {
        reference_step(grid, next, n);
        grid.swap(next);
    }
    bool ok = true;
    double checksum = 0.0;
    for (int c = 0; c < n * n; c++) {
        ok = ok && std::fabs(result[c] - grid[c]) <= 1e-5f;
        checksum += result[c] * (1 + c % 7);
    }
    printf("checksum %.9g\n", checksum / n);
    printf("centre %.9g\n", result[(n / 2) * n + n / 2]);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
