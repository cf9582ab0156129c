"""A CUDA program of any length, for measuring: kernels in the shapes that programs have, and a host."""

from __future__ import annotations

_STENCIL = """\
// A point and its neighbours, plane {n}.
__global__ void stencil_{n}(const float *__restrict__ in, float *__restrict__ out, int nx, int ny, float c)
{{
  int x = blockIdx.x * blockDim.x + threadIdx.x;
  int y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x > 0 && x < nx - 1 && y > 0 && y < ny - 1) {{
    int i = y * nx + x;
    float centre = in[i];
    float west = in[i - 1];
    float east = in[i + 1];
    float north = in[i - nx];
    float south = in[i + nx];
    float sum = west + east + north + south;
    out[i] = centre + c * (sum - 4.0f * centre);
  }}
}}

"""
_TILES = """\
// A product of matrices, tile by tile.
__global__ void product_{n}(const double *a, const double *b, double *c, int size)
{{
  __shared__ double left[16][16];
  __shared__ double right[16][16];
  int row = blockIdx.y * 16 + threadIdx.y;
  int column = blockIdx.x * 16 + threadIdx.x;
  double sum = 0.0;
  for (int tile = 0; tile < size / 16; tile++) {{
    left[threadIdx.y][threadIdx.x] = a[row * size + tile * 16 + threadIdx.x];
    right[threadIdx.y][threadIdx.x] = b[(tile * 16 + threadIdx.y) * size + column];
    __syncthreads();
    for (int k = 0; k < 16; k++) {{
      sum += left[threadIdx.y][k] * right[k][threadIdx.x];
    }}
    __syncthreads();
  }}
  c[row * size + column] = sum;
}}

"""
_PARTICLES = """\
__device__ float kick_{n}(float distance, float mass)
{{
  float softened = distance * distance + 0.01f;
  float inverse = rsqrtf(softened);
  return mass * inverse * inverse * inverse;
}}

// Forces between all particles.
__global__ void forces_{n}(const float4 *place, float4 *force, int count)
{{
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float fx = 0.0f, fy = 0.0f, fz = 0.0f;
  for (int j = 0; j < count; j++) {{
    float dx = place[j].x - place[i].x;
    float dy = place[j].y - place[i].y;
    float dz = place[j].z - place[i].z;
    float pull = kick_{n}(sqrtf(dx * dx + dy * dy + dz * dz), place[j].w);
    fx += pull * dx;
    fy += pull * dy;
    fz += pull * dz;
  }}
  force[i].x = fx;
  force[i].y = fy;
  force[i].z = fz;
}}

"""
_LAUNCHES = """\
  stencil_{n}<<<dim3(n / 32, n / 8), dim3(32, 8)>>>(in, out, n, n, 0.1f);
  product_{n}<<<dim3(n / 16, n / 16), dim3(16, 16)>>>(a, b, c, n);
  forces_{n}<<<(n + 255) / 256, 256>>>(place, force, n);
"""
_HOST = """\
int main(int argc, char **argv)
{
  int n = argc > 1 ? atoi(argv[1]) : 2048;
  float *in, *out;
  double *a, *b, *c;
  float4 *place, *force;
  cudaMalloc(&in, n * n * sizeof(float));
  cudaMalloc(&out, n * n * sizeof(float));
  cudaMalloc(&a, n * n * sizeof(double));
  cudaMalloc(&b, n * n * sizeof(double));
  cudaMalloc(&c, n * n * sizeof(double));
  cudaMalloc(&place, n * sizeof(float4));
  cudaMalloc(&force, n * sizeof(float4));
"""


def program(lines: int) -> bytes:
    """The text of a program of about so many lines."""
    one = _STENCIL + _TILES + _PARTICLES
    sets = max(1, lines // (one + _LAUNCHES).count("\n"))
    kernels = (one.format(n=number) for number in range(sets))
    launches = (_LAUNCHES.format(n=number) for number in range(sets))
    return "".join((*kernels, _HOST, *launches, "  return 0;\n}\n")).encode()
