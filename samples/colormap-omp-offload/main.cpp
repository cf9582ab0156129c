// Adds up frames of an 8-bit image through a colour table. Image and table never change, and yet
// both travel to the device for every frame.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

static void add_frames(const uint8_t *image, const uint32_t *table, uint32_t *out, int n,
                       int frames) {
    for (int frame = 0; frame < frames; frame++) {
#pragma omp target teams distribute parallel for map(to : image[0 : n], table[0 : 256])            \
    map(tofrom : out[0 : n])
        for (int i = 0; i < n; i++) {
            out[i] += table[(image[i] + frame) & 255];
        }
    }
}

int main(int argc, char *argv[]) {
    if (argc != 3) {
        fprintf(stderr, "Usage: %s <pixels> <frames>\n", argv[0]);
        return 1;
    }
    const int n = atoi(argv[1]);
    const int frames = atoi(argv[2]);
    if (n < 1 || frames < 1) {
        fprintf(stderr, "both arguments must be positive\n");
        return 1;
    }

    std::vector<uint32_t> table(256), out(n, 0);
    for (int i = 0; i < 256; i++) {
        table[i] = (uint32_t)std::lrint(65535.0 * std::pow(i / 255.0, 2.2));
    }
    std::vector<uint8_t> image(n);
    uint32_t seed = 99;
    for (uint8_t &pixel : image) {
        seed = seed * 1664525u + 1013904223u;
        pixel = seed >> 24;
    }

    add_frames(image.data(), table.data(), out.data(), n, frames);

    // Pixels of one shade get one colour: look each shade up once.
    std::vector<uint32_t> colour(256, 0);
    for (int shade = 0; shade < 256; shade++) {
        for (int frame = 0; frame < frames; frame++) {
            colour[shade] += table[(shade + frame) & 255];
        }
    }
    bool ok = true;
    uint64_t checksum = 0;
    for (int i = 0; i < n; i++) {
        ok = ok && out[i] == colour[image[i]];
        checksum = checksum * 31 + out[i];
    }
    printf("checksum %llu\n", (unsigned long long)checksum);
    printf("first %u last %u\n", out[0], out[n - 1]);
    printf("%s\n", ok ? "PASS" : "FAIL");
    return ok ? 0 : 1;
}
