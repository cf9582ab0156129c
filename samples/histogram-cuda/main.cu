// Histogram of 256 bins, each block counting in shared memory. The values never change, and yet
// they are sent to the device before every launch.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define BINS 256

__global__ void histogram(const uint32_t *values, unsigned *counts, int n) {
    __shared__ unsigned local[BINS];
    for (int bin = threadIdx.x; bin < BINS; bin += blockDim.x) {
        local[bin] = 0;
    }
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        atomicAdd(&local[values[i] % BINS], 1u);
    }
    __syncthreads();
    for (int bin = threadIdx.x; bin < BINS; bin += blockDim.x) {
        atomicAdd(&counts[bin], local[bin]);
    }
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "Usage: %s <values> <repeat>\n", argv[0]);
        return 1;
    }
    const int n = atoi(argv[1]);
    const int repeat = atoi(argv[2]);
    if (n < 1 || repeat < 1) {
        fprintf(stderr, "both arguments must be positive\n");
        return 1;
    }

    std::vector<uint32_t> values(n);
    std::vector<unsigned> counts(BINS, 0), reference(BINS, 0);
    uint32_t seed = 8;
    for (uint32_t &value : values) {
        seed = seed * 1664525u + 1013904223u;
        value = ((seed >> 24) * (seed >> 16 & 255)) >> 8;
        reference[value % BINS] += repeat;
    }

    uint32_t *d_values;
    unsigned *d_counts;
    cudaMalloc(&d_values, sizeof(uint32_t) * n);
    cudaMalloc(&d_counts, sizeof(unsigned) * BINS);
    cudaMemset(d_counts, 0, sizeof(unsigned) * BINS);
    const auto start = std::chrono::steady_clock::now();
    for (int r = 0; r < repeat; r++) {
        cudaMemcpy(d_values, values.data(), sizeof(uint32_t) * n, cudaMemcpyHostToDevice);
        histogram<<<256, 256>>>(d_values, d_counts, n);
    }
    cudaDeviceSynchronize();
    const std::chrono::duration<double, std::micro> elapsed =
        std::chrono::steady_clock::now() - start;
    printf("Average kernel execution time: %f (us)\n", elapsed.count() / repeat);
    cudaMemcpy(counts.data(), d_counts, sizeof(unsigned) * BINS, cudaMemcpyDeviceToHost);
    cudaFree(d_values);
    cudaFree(d_counts);

    bool ok = true;
    uint64_t checksum = 0;
    for (int bin = 0; bin < BINS; bin++) {
        ok = ok && counts[bin] == reference[bin];
        checksum = checksum * 31 + counts[bin];
    }
    printf("checksum %llu\n", (unsigned long long)checksum);
    printf("bins 0 %u 100 %u 200 %u\n", counts[0], counts[100], counts[200]);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
