// Histogram of hashed keys on the device. The atomic is on an element of an array, whose index
// depends on the data: no reduction clause on a scalar can take its place.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

static const uint32_t bins = 64;

static void histogram(const uint64_t *keys, uint32_t *counts, int n) {
#pragma omp target teams distribute parallel for map(to : keys[0 : n])                             \
    map(tofrom : counts[0 : bins])
    for (int i = 0; i < n; i++) {
        const uint32_t bin = (keys[i] >> 8) % 64u;
#pragma omp atomic update
        counts[bin]++;
    }
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "Usage: %s <keys> <repeat>\n", argv[0]);
        return 1;
    }
    const int n = atoi(argv[1]);
    const int repeat = atoi(argv[2]);
    if (n < 1 || repeat < 1) {
        fprintf(stderr, "both arguments must be positive\n");
        return 1;
    }

    std::vector<uint64_t> keys(n);
    std::vector<uint32_t> counts(bins, 0), reference(bins, 0);
    uint32_t seed = 31;
    for (uint64_t &key : keys) {
        seed = seed * 1664525u + 1013904223u;
        key = ((uint64_t)(seed >> 16) * (seed >> 16)) >> 8;
        reference[(key >> 8) & 63]++;
    }

    for (int r = 0; r < repeat; r++) {
        histogram(keys.data(), counts.data(), n);
    }

    bool ok = true;
    uint64_t checksum = 0;
    for (uint32_t bin = 0; bin < bins; bin++) {
        ok = ok && counts[bin] == reference[bin] * (uint32_t)repeat;
        checksum = checksum * 31 + counts[bin];
    }
    printf("checksum %llu\n", (unsigned long long)checksum);
    printf("bins 0 %u 21 %u 63 %u\n", counts[0], counts[21], counts[63]);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
