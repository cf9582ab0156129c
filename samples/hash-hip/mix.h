#pragma once

#include <cstdint>

// One round stirs all bits of h: shifts, rotations, additions and a multiplication.
__host__ __device__ inline uint32_t stir(uint32_t h, uint32_t salt) {
    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    h ^= h >> 12;
    h += salt;
    h = (h << 11) | (h >> 21);
    return h;
}
