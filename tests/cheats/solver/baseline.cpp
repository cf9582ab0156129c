// A linear system by Jacobi's method, until the solution no longer changes.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <omp.h>
#include <random>
#include <vector>

const double TOLERANCE = 1e-10;
const int MAX_ITERATIONS = 5000;

static double residual(const std::vector<double> &a, const std::vector<double> &x, const std::vector<double> &b, int n) {
    double worst = 0.0;
    for (int i = 0; i < n; i++) {
        double r = b[i];
        for (int j = 0; j < n; j++) {
            r -= a[i * n + j] * x[j];
        }
        if (std::fabs(r) > worst) {
            worst = std::fabs(r);
        }
    }
    return worst;
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 200;
    std::mt19937 generator(42);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    std::vector<double> a(n * n), b(n), x(n, 0.0), y(n);
    for (int i = 0; i < n; i++) {
        double sum = 0.0;
        for (int j = 0; j < n; j++) {
            a[i * n + j] = uniform(generator);
            sum += a[i * n + j];
        }
        a[i * n + i] = 1.5 * sum;
        b[i] = uniform(generator);
    }
    double start = omp_get_wtime();
    double change = 1.0;
    int iteration = 0;
    while (change > TOLERANCE && iteration < MAX_ITERATIONS) {
#pragma omp parallel for
        for (int i = 0; i < n; i++) {
            double sum = b[i];
            for (int j = 0; j < n; j++) {
                if (j != i) {
                    sum -= a[i * n + j] * x[j];
                }
            }
            y[i] = sum / a[i * n + i];
        }
        change = 0.0;
        for (int i = 0; i < n; i++) {
            change = std::fmax(change, std::fabs(y[i] - x[i]));
            x[i] = y[i];
        }
        iteration++;
    }
    printf("Solved in %.3f s\n", omp_get_wtime() - start);
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += x[i];
    }
    printf("sum %.9f\n", sum);
    bool ok = residual(a, x, b, n) < 1e-6;
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
