// Gravity among n bodies, every pair, single precision: sqrt and pow are the double functions of
// the C library here, since only <cmath> is included and the names are not from std.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

struct Bodies {
    std::vector<float> x, y, z, mass, vx, vy, vz;
};

static void accelerations(const float *x, const float *y, const float *z, const float *mass,
                          float *ax, float *ay, float *az, int n) {
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        float sx = 0.0f, sy = 0.0f, sz = 0.0f;
        for (int j = 0; j < n; j++) {
            const float dx = x[j] - x[i];
            const float dy = y[j] - y[i];
            const float dz = z[j] - z[i];
            const float r2 = dx * dx + dy * dy + dz * dz + 0.01;
            const float inverse = 1.0 / sqrt(r2);
            const float pull = mass[j] * pow(inverse, 3);
            sx += pull * dx;
            sy += pull * dy;
            sz += pull * dz;
        }
        ax[i] = sx;
        ay[i] = sy;
        az[i] = sz;
    }
}

static void advance(std::vector<float> &position, std::vector<float> &velocity,
                    const std::vector<float> &acceleration, float dt) {
    for (size_t i = 0; i < position.size(); i++) {
        velocity[i] += dt * acceleration[i];
        position[i] += dt * velocity[i];
    }
}

static std::vector<float> uniform(int n, float low, float high, unsigned seed) {
    std::vector<float> values(n);
    for (float &value : values) {
        seed = seed * 1664525u + 1013904223u;
        value = low + (high - low) * (seed >> 8) / 16777216.0f;
    }
    return values;
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "Usage: %s <bodies> <steps>\n", argv[0]);
        return 1;
    }
    const int n = atoi(argv[1]);
    const int steps = atoi(argv[2]);
    if (n < 1 || steps < 1) {
        fprintf(stderr, "both arguments must be positive\n");
        return 1;
    }

    Bodies b = {uniform(n, -1.0f, 1.0f, 1000003), uniform(n, -1.0f, 1.0f, 2000081),
                uniform(n, -1.0f, 1.0f, 3000073), uniform(n, 0.5f / n, 1.5f / n, 4000037),
                std::vector<float>(n, 0.0f),      std::vector<float>(n, 0.0f),
                std::vector<float>(n, 0.0f)};
    std::vector<float> ax(n), ay(n), az(n);
    const float dt = 0.001f;
    for (int step = 0; step < steps; step++) {
        accelerations(b.x.data(), b.y.data(), b.z.data(), b.mass.data(), ax.data(), ay.data(),
                      az.data(), n);
        advance(b.x, b.vx, ax, dt);
        advance(b.y, b.vy, ay, dt);
        advance(b.z, b.vz, az, dt);
    }

    // Each pair pulls with equal force both ways, so the total momentum stays zero.
    double px = 0.0, kinetic = 0.0, checksum = 0.0, scale = 0.0;
    for (int i = 0; i < n; i++) {
        px += b.mass[i] * b.vx[i];
        scale += std::fabs(b.mass[i] * b.vx[i]);
        kinetic += 0.5 * b.mass[i] * (b.vx[i] * b.vx[i] + b.vy[i] * b.vy[i] + b.vz[i] * b.vz[i]);
        checksum += std::fabs(ax[i]) + std::fabs(ay[i]) + std::fabs(az[i]);
    }
    const bool ok = std::fabs(px) <= 1e-4 * scale + 1e-30;
    printf("checksum %.9g\n", checksum);
    printf("kinetic energy %.9g\n", kinetic);
    printf("body 0 at %.9g %.9g %.9g\n", b.x[0], b.y[0], b.z[0]);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
