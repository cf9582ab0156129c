// Damped oscillators that know nothing of each other, of which some are probed in the end.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char **argv) {
    const int n = atoi(argv[1]);
    const int steps = atoi(argv[2]);
    std::vector<double> place(n), speed(n);
    for (int i = 0; i < n; i++) {
        place[i] = 1.0 + i % 17;
        speed[i] = 0.0;
    }
    for (int step = 0; step < steps; step++) {
        for (int i = 0; i < n; i++) {
            speed[i] -= 0.01 * (place[i] + 0.1 * speed[i]);
        }
        for (int i = 0; i < n; i++) {
            place[i] += 0.01 * speed[i];
        }
    }
    for (int i = 0; i < 16; i++) {
        printf("oscillator %d: %.9f %.9f\n", i, place[i], speed[i]);
    }
    return 0;
}
