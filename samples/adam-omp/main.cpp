// Steps of the Adam optimiser on many parameters, single precision, one loop for each line of the
// method. The bias corrections are written as the paper has them, inside the update.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

static void step(float *p, float *m, float *v, const float *g, int n, float beta1,
                 float beta2, float rate, int t) {
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        m[i] = beta1 * m[i] + (1.0f - beta1) * g[i];
    }
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        v[i] = beta2 * v[i] + (1.0f - beta2) * g[i] * g[i];
    }
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        const float mean = m[i] / (1.0f - powf(beta1, t));
        const float spread = v[i] / (1.0f - powf(beta2, t));
        p[i] -= rate * mean / (sqrtf(spread) + 1e-8f);
    }
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "Usage: %s <parameters> <steps>\n", argv[0]);
        return 1;
    }
    const int n = atoi(argv[1]);
    const int steps = atoi(argv[2]);
    if (n < 1 || steps < 1) {
        fprintf(stderr, "both arguments must be positive\n");
        return 1;
    }

    // A constant gradient has a known course: every step moves a parameter by the rate.
    const float rate = 1e-3f;
    std::vector<float> p(n, 1.0f), m(n, 0.0f), v(n, 0.0f), g(n);
    for (int i = 0; i < n; i++) {
        g[i] = (i % 2 ? 1.0f : -1.0f) * (1.0f + (i % 1000) * 0.01f);
    }
    for (int t = 1; t <= steps; t++) {
        step(p.data(), m.data(), v.data(), g.data(), n, 0.9f, 0.999f, rate, t);
    }

    double sum = 0.0;
    bool ok = true;
    for (int i = 0; i < n; i++) {
        const float expected = i % 2 ? 1.0f - rate * steps : 1.0f + rate * steps;
        ok = ok && std::fabs(p[i] - expected) <= 1e-2f * rate * steps;
        sum += p[i];
    }
    printf("mean parameter %.9g\n", sum / n);
    printf("parameter 0 %.9g\n", p[0]);
    printf("parameter %d %.9g\n", n - 1, p[n - 1]);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
