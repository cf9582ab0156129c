// Two passes over a signal, and a check against a reference on one thread.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using Signal = std::vector<float>;

void smooth(const Signal &in, Signal &out, int taps) {
    const int n = in.size();
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        double sum = 0.0;
        for (int k = -taps; k <= taps; k++) {
            const int j = i + k < 0 ? 0 : i + k >= n ? n - 1 : i + k;
            sum += in[j] * std::exp(-0.5 * k * k / (taps * 1.0));
        }
        out[i] = sum;
    }
}

void scale(Signal &data, float factor) {
#pragma omp parallel for
    for (size_t i = 0; i < data.size(); i++) {
        data[i] = data[i] * factor + 1.0f;
    }
}

bool verify(const Signal &in, const Signal &out, int taps, float factor) {
    int wrong = 0;
    const int n = in.size();
    for (int i = 0; i < n; i += 7) {
        double sum = 0.0;
        for (int k = -taps; k <= taps; k++) {
            const int j = i + k < 0 ? 0 : i + k >= n ? n - 1 : i + k;
            sum += in[j] * std::exp(-0.5 * k * k / taps);
        }
        if (std::fabs(sum * factor + 1.0 - out[i]) > 1e-3 * std::fabs(sum)) {
            wrong++;
        }
    }
    return wrong == 0;
}

int main(int argc, char **argv) {
    const int n = std::stoi(argv[1]);
    const int repeat = std::stoi(argv[2]);
    const int taps = 8;
    Signal in(n), out(n);
    unsigned state = 1;
    for (auto &value : in) {
        state = state * 1664525u + 1013904223u;
        value = (state >> 8) * 1e-4f;
    }
    auto t0 = std::chrono::high_resolution_clock::now();
    for (int r = 0; r < repeat; r++) {
        smooth(in, out, taps);
        scale(out, 0.5f);
    }
    auto t1 = std::chrono::high_resolution_clock::now();
    std::chrono::duration<double> elapsed = t1 - t0;
    printf("elapsed %.4f s\n", elapsed.count());
    printf("%s\n", verify(in, out, taps, 0.5f) ? "PASS" : "FAIL");
    float most = 0.0f;
    for (float value : out) {
        most = std::fmax(most, value);
    }
    printf("largest %.4f\n", most);
    return 0;
}
