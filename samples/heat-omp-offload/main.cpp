// Heat flow along a rod, explicit steps, offloaded. After each step the whole rod is copied back.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

static void step(float *next, const float *rod, int n, float k) {
#pragma omp target teams distribute parallel for map(to : rod[0 : n]) map(from : next[0 : n])
    for (int i = 1; i < n - 1; i++) {
        next[i] = rod[i] + k * (rod[i - 1] - 2.0f * rod[i] + rod[i + 1]);
    }
}

static void copy_back(float *rod, const float *next, int n) {
#pragma omp target teams distribute parallel for map(from : rod[0 : n]) map(to : next[0 : n])
    for (int i = 0; i < n; i++) {
        rod[i] = next[i];
    }
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "Usage: %s <points> <steps>\n", argv[0]);
        return 1;
    }
    const int n = atoi(argv[1]);
    const int steps = atoi(argv[2]);
    if (n < 3 || steps < 1) {
        fprintf(stderr, "the rod needs at least 3 points, and one step\n");
        return 1;
    }

    // A sine wave decays by the same factor in every step, and keeps its shape.
    const double angle = 3.14159265358979323846 * (n > 64 ? n / 64 : 1) / (n - 1);
    const float k = 0.4f;
    std::vector<float> rod(n);
    double before = -std::sin(angle), here = 0.0;
    for (float &value : rod) {
        value = (float)here;
        const double after = 2.0 * std::cos(angle) * here - before;
        before = here;
        here = after;
    }
    const std::vector<float> initial(rod);
    std::vector<float> next(rod);

    const auto start = std::chrono::steady_clock::now();
    float *u = rod.data();
    float *v = next.data();
#pragma omp target data map(tofrom : u[0 : n], v[0 : n])
    {
        for (int s = 0; s < steps; s++) {
            step(v, u, n, k);
            copy_back(u, v, n);
        }
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    printf("Total kernel execution time: %f (s)\n", elapsed.count());

    const double factor = std::pow(1.0 - 2.0 * k * (1.0 - std::cos(angle)), steps);
    double worst = 0.0, checksum = 0.0;
    for (int i = 0; i < n; i++) {
        worst = std::fmax(worst, std::fabs(u[i] - factor * initial[i]));
        checksum += std::fabs(u[i]);
    }
    const bool ok = worst < 1e-4;
    printf("checksum %.9g\n", checksum);
    printf("point %d %.9g\n", n / 3, u[n / 3]);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
