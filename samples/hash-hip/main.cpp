// Proof of work in small: every key is stirred many times, and the number of zero bits at its end
// is found by bit tricks. Integer arithmetic decides the time.
#include <hip/hip_runtime.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "mix.h"

__host__ __device__ static inline uint32_t trailing_zeros(uint32_t v) {
    if (v == 0) {
        return 32;
    }
    uint32_t below = (v & (0u - v)) - 1; // ones where the zeros were
    below = below - ((below >> 1) & 0x55555555u);
    below = (below & 0x33333333u) + ((below >> 2) & 0x33333333u);
    below = (below + (below >> 4)) & 0x0f0f0f0fu;
    return (below * 0x01010101u) >> 24;
}

__global__ void work(uint32_t *hashes, uint32_t *zeros, uint32_t first, int rounds, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        uint32_t h = first + i;
        for (int r = 0; r < rounds; r++) {
            h = stir(h, r);
        }
        hashes[i] = h;
        zeros[i] = trailing_zeros(h);
    }
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "Usage: %s <keys> <rounds>\n", argv[0]);
        return 1;
    }
    const int n = atoi(argv[1]);
    const int rounds = atoi(argv[2]);
    if (n < 1 || rounds < 1) {
        fprintf(stderr, "both arguments must be positive\n");
        return 1;
    }

    const uint32_t first = 0x9e3779b9u;
    std::vector<uint32_t> hashes(n), zeros(n);
    uint32_t *d_hashes, *d_zeros;
    (void)hipMalloc(&d_hashes, sizeof(uint32_t) * n);
    (void)hipMalloc(&d_zeros, sizeof(uint32_t) * n);
    work<<<(n + 127) / 128, 128>>>(d_hashes, d_zeros, first, rounds, n);
    (void)hipMemcpy(hashes.data(), d_hashes, sizeof(uint32_t) * n, hipMemcpyDeviceToHost);
    (void)hipMemcpy(zeros.data(), d_zeros, sizeof(uint32_t) * n, hipMemcpyDeviceToHost);
    (void)hipFree(d_hashes);
    (void)hipFree(d_zeros);

    bool ok = true;
    uint64_t checksum = 0, sum = 0;
    uint32_t longest = 0;
    for (int i = 0; i < n; i++) {
        uint32_t h = first + i;
        for (int r = 0; r < rounds; r++) {
            h = stir(h, r);
        }
        ok = ok && hashes[i] == h && (h >> zeros[i] & 1 || h == 0);
        checksum = checksum * 31 + hashes[i];
        sum += zeros[i];
        longest = zeros[i] > longest ? zeros[i] : longest;
    }
    printf("checksum %llu\n", (unsigned long long)checksum);
    printf("zero bits %llu longest run %u\n", (unsigned long long)sum, longest);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
