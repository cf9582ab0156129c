// Steady loads for a GPU whose meter is checked, and a constant amount of work.
//
//   load name                              says what this is and on which device
//   load fma SECONDS                       arithmetic without traffic
//   load stream SECONDS                    traffic without arithmetic
//   load gaps SECONDS BUSY_MS IDLE_MS      arithmetic that comes and goes
//   load work UNITS                        the same arithmetic UNITS times, however long that takes
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

using Clock = std::chrono::steady_clock;

static void check(cudaError_t error, const char *what) {
    if (error != cudaSuccess) {
        fprintf(stderr, "load: %s: %s\n", what, cudaGetErrorString(error));
        exit(1);
    }
}

// Eight independent chains hide the latency of each other.
__global__ void fma_chains(float *out, int rounds) {
    float a[8];
    for (int k = 0; k < 8; k++) {
        a[k] = threadIdx.x + k;
    }
    for (int round = 0; round < rounds; round++) {
        for (int k = 0; k < 8; k++) {
            a[k] = fmaf(a[k], 0.999f, 0.5f);
        }
    }
    float sum = 0.0f;
    for (int k = 0; k < 8; k++) {
        sum += a[k];
    }
    // Never true, and yet the compiler has to keep the work.
    if (sum == -1.0f) {
        out[blockIdx.x] = sum;
    }
}

__global__ void copy(const float4 *from, float4 *to, size_t n) {
    const size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) {
        to[i] = from[i];
    }
}

static const int BLOCKS = 4096, THREADS = 256;
// One unit: 4096 x 256 x 8 chains x 2 operations x 8000 rounds = 134 GFLOP, some milliseconds.
static const int UNIT_ROUNDS = 8000;

static float *d_out;

static void unit() {
    fma_chains<<<BLOCKS, THREADS>>>(d_out, UNIT_ROUNDS);
    check(cudaGetLastError(), "fma");
}

static bool before(Clock::time_point end) {
    check(cudaDeviceSynchronize(), "the kernel");
    return Clock::now() < end;
}

static Clock::time_point in_seconds(double seconds) {
    return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

static void stream(double seconds) {
    const size_t bytes = (size_t)1 << 30;
    float4 *from, *to;
    check(cudaMalloc(&from, bytes), "memory");
    check(cudaMalloc(&to, bytes), "memory");
    check(cudaMemset(from, 1, bytes), "memset");
    const auto end = in_seconds(seconds);
    do {
        for (int k = 0; k < 8; k++) {
            copy<<<BLOCKS, THREADS>>>(from, to, bytes / sizeof(float4));
        }
        check(cudaGetLastError(), "copy");
    } while (before(end));
}

static void gaps(double seconds, double busy_ms, double idle_ms) {
    const auto end = in_seconds(seconds);
    while (Clock::now() < end) {
        const auto pause = in_seconds(busy_ms / 1e3);
        do {
            unit();
        } while (before(pause));
        std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(idle_ms));
    }
}

static void name() {
    cudaDeviceProp device;
    check(cudaGetDeviceProperties(&device, 0), "the device");
    printf("CUDA load on %s\n", device.name);
}

int main(int argc, char *argv[]) {
    const char *what = argc > 1 ? argv[1] : "";
    const double amount = argc > 2 ? atof(argv[2]) : 0.0;
    if (!strcmp(what, "name")) {
        name();
        return 0;
    }
    check(cudaMalloc(&d_out, BLOCKS * sizeof(float)), "memory");
    if (!strcmp(what, "fma")) {
        const auto end = in_seconds(amount);
        do {
            unit();
        } while (before(end));
    } else if (!strcmp(what, "stream")) {
        stream(amount);
    } else if (!strcmp(what, "gaps") && argc > 4) {
        gaps(amount, atof(argv[3]), atof(argv[4]));
    } else if (!strcmp(what, "work")) {
        for (long done = 0; done < (long)amount; done++) {
            unit();
        }
        check(cudaDeviceSynchronize(), "the work");
    } else {
        fprintf(stderr, "load: name | fma S | stream S | gaps S BUSY_MS IDLE_MS | work UNITS\n");
        return 2;
    }
    return 0;
}
