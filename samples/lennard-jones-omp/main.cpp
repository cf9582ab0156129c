// Lennard-Jones energies of particles in a periodic box, every pair, double precision.
// The powers are written with pow, as the formula has them, and the box divides every distance.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

static void energies(const double *x, const double *y, const double *z, double *energy, int n,
                     double box, double sigma) {
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        double sum = 0.0;
        for (int j = 0; j < n; j++) {
            if (j == i) {
                continue;
            }
            double dx = (x[i] - x[j]) / box;
            double dy = (y[i] - y[j]) / box;
            double dz = (z[i] - z[j]) / box;
            dx -= std::rint(dx);
            dy -= std::rint(dy);
            dz -= std::rint(dz);
            const double r2 = (pow(dx, 2) + pow(dy, 2) + pow(dz, 2)) * (box * box);
            const double s6 = pow(sigma * sigma / r2, 3);
            sum += 4.0 * (pow(s6, 2) - s6);
        }
        energy[i] = 0.5 * sum;
    }
}

// Particles on a cubic lattice, each pushed a little off its site.
static void place(std::vector<double> &coordinate, int side, int stride, unsigned seed) {
    for (size_t i = 0; i < coordinate.size(); i++) {
        seed = seed * 1664525u + 1013904223u;
        coordinate[i] = (i / stride) % side + 0.2 * (seed >> 8) / 16777216.0;
    }
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "Usage: %s <particles along an edge> <repeat>\n", argv[0]);
        return 1;
    }
    const int side = atoi(argv[1]);
    const int repeat = atoi(argv[2]);
    if (side < 2 || repeat < 1) {
        fprintf(stderr, "the box needs at least 2 particles along an edge, and one repeat\n");
        return 1;
    }

    const int n = side * side * side;
    std::vector<double> x(n), y(n), z(n), energy(n);
    place(x, side, 1, 1100009);
    place(y, side, side, 2200013);
    place(z, side, side * side, 3300001);

    double total = 0.0;
    for (int r = 0; r < repeat; r++) {
        energies(x.data(), y.data(), z.data(), energy.data(), n, side, 0.8 + 0.001 * r);
        for (int i = 0; i < n; i++) {
            total += energy[i];
        }
    }

    // At this spacing attraction wins: a bound crystal has negative energy.
    const bool ok = total < 0.0;
    printf("total energy %.17g\n", total);
    printf("particle 0 %.17g\n", energy[0]);
    printf("particle %d %.17g\n", n - 1, energy[n - 1]);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
