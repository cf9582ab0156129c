// Sensor readings turned into temperatures by linear interpolation in a table. The table never
// changes, and yet it is sent to the device for every batch.
#include <hip/hip_runtime.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define KNOTS 1024

__global__ void interpolate(const float *table, const float *readings, float *out, float offset,
                            int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        const float position = fminf(readings[i] + offset, 1.0f) * (KNOTS - 1);
        const int left = position < KNOTS - 2 ? (int)position : KNOTS - 2;
        const float fraction = position - left;
        out[i] += table[left] + fraction * (table[left + 1] - table[left]);
    }
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "Usage: %s <readings> <batches>\n", argv[0]);
        return 1;
    }
    const int n = atoi(argv[1]);
    const int batches = atoi(argv[2]);
    if (n < 1 || batches < 1) {
        fprintf(stderr, "both arguments must be positive\n");
        return 1;
    }

    std::vector<float> table(KNOTS), readings(n), out(n, 0.0f);
    for (int k = 0; k < KNOTS; k++) {
        const float u = (float)k / (KNOTS - 1);
        table[k] = -40.0f + 120.0f * u + 25.0f * u * u;
    }
    unsigned seed = 17;
    for (float &reading : readings) {
        seed = seed * 1664525u + 1013904223u;
        reading = (seed >> 8) / 16777216.0f;
    }

    float *d_table, *d_readings, *d_out;
    (void)hipMalloc(&d_table, sizeof(float) * KNOTS);
    (void)hipMalloc(&d_readings, sizeof(float) * n);
    (void)hipMalloc(&d_out, sizeof(float) * n);
    (void)hipMemcpy(d_readings, readings.data(), sizeof(float) * n, hipMemcpyHostToDevice);
    (void)hipMemset(d_out, 0, sizeof(float) * n);
    for (int batch = 0; batch < batches; batch++) {
        (void)hipMemcpy(d_table, table.data(), sizeof(float) * KNOTS, hipMemcpyHostToDevice);
        interpolate<<<(n + 255) / 256, 256>>>(d_table, d_readings, d_out, 0.01f * batch, n);
    }
    (void)hipMemcpy(out.data(), d_out, sizeof(float) * n, hipMemcpyDeviceToHost);
    (void)hipFree(d_table);
    (void)hipFree(d_readings);
    (void)hipFree(d_out);

    // The table holds a parabola, which the straight pieces follow closely.
    bool ok = true;
    double checksum = 0.0;
    for (int i = 0; i < n; i++) {
        double expected = 0.0;
        for (int batch = 0; batch < batches; batch++) {
            const double u = std::fmin(readings[i] + 0.01 * batch, 1.0);
            expected += -40.0 + 120.0 * u + 25.0 * u * u;
        }
        ok = ok && std::fabs(out[i] - expected) <= 1e-3 * batches;
        checksum += out[i];
    }
    printf("checksum %.9g\n", checksum / n);
    printf("first %.9g last %.9g\n", out[0], out[n - 1]);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
