// C = A B for square matrices of floats, in tiles held in shared memory: nothing to mend here.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define TILE 16

__global__ void matmul(const float *__restrict__ a, const float *__restrict__ b,
                       float *__restrict__ c, int n) {
    __shared__ float tile_a[TILE][TILE];
    __shared__ float tile_b[TILE][TILE];
    const int row = blockIdx.y * TILE + threadIdx.y;
    const int column = blockIdx.x * TILE + threadIdx.x;
    float sum = 0.0f;
    for (int start = 0; start < n; start += TILE) {
        const int k_a = start + threadIdx.x;
        const int k_b = start + threadIdx.y;
        tile_a[threadIdx.y][threadIdx.x] = row < n && k_a < n ? a[row * n + k_a] : 0.0f;
        tile_b[threadIdx.y][threadIdx.x] = column < n && k_b < n ? b[k_b * n + column] : 0.0f;
        __syncthreads();
        for (int k = 0; k < TILE; k++) {
            sum += tile_a[threadIdx.y][k] * tile_b[k][threadIdx.x];
        }
        __syncthreads();
    }
    if (row < n && column < n) {
        c[row * n + column] = sum;
    }
}

static std::vector<float> random_matrix(int n, unsigned seed) {
    std::vector<float> m(n * n);
    for (float &value : m) {
        seed = seed * 1664525u + 1013904223u;
        value = (seed >> 8) / 16777216.0f;
    }
    return m;
}

static std::vector<float> reference(const std::vector<float> &a, const std::vector<float> &b,
                                    int n) {
    std::vector<float> c(n * n, 0.0f);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++) {
            for (int j = 0; j < n; j++) {
                c[i * n + j] += a[i * n + k] * b[k * n + j];
            }
        }
    }
    return c;
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

    const size_t bytes = sizeof(float) * n * n;
    const std::vector<float> a = random_matrix(n, 1000003), b = random_matrix(n, 2000081);
    std::vector<float> c(n * n);

    float *d_a, *d_b, *d_c;
    cudaMalloc(&d_a, bytes);
    cudaMalloc(&d_b, bytes);
    cudaMalloc(&d_c, bytes);
    cudaMemcpy(d_a, a.data(), bytes, cudaMemcpyHostToDevice);
    cudaMemcpy(d_b, b.data(), bytes, cudaMemcpyHostToDevice);
    const dim3 block(TILE, TILE);
    const dim3 grid((n + TILE - 1) / TILE, (n + TILE - 1) / TILE);
    for (int r = 0; r < repeat; r++) {
        matmul<<<grid, block>>>(d_a, d_b, d_c, n);
    }
    cudaMemcpy(c.data(), d_c, bytes, cudaMemcpyDeviceToHost);
    cudaFree(d_a);
    cudaFree(d_b);
    cudaFree(d_c);

    const std::vector<float> expected = reference(a, b, n);
    bool ok = true;
    double checksum = 0.0;
    for (int i = 0; i < n * n; i++) {
        ok = ok && std::fabs(c[i] - expected[i]) <= 1e-4f * expected[i];
        checksum += c[i];
    }
    printf("checksum %.9g\n", checksum);
    printf("first %.9g last %.9g\n", c[0], c[n * n - 1]);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
