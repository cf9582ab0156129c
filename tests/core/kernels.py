"""Small kernels as programs, and what is counted in them."""

from jouleline.app.analyse import KernelReport, analyse, parse_files
from jouleline.core.counts import Operation
from jouleline.devices import load_catalogue

DEVICE = load_catalogue().get("rtx-3080-paper")
THREADS = 4096.0
LAUNCH = "void host(float *x, float *y, double *d, int *v, int n) {{ k<<<16, 256>>>({}); }}"
INDEX = "int i = blockIdx.x * blockDim.x + threadIdx.x;"
INDEX_COST = 1  # one multiply-add


def reports(text: str, *arguments: str) -> tuple[KernelReport, ...]:
    parsed, problems = parse_files({"main.cu": text.encode()})
    assert problems == []
    return analyse(parsed, DEVICE, arguments).kernels


def report(text: str, *arguments: str) -> KernelReport:
    return reports(text, *arguments)[0]


def kernel(
    body: str, before: str = "", parameters: str = "float *x, float *y, double *d, int *v"
) -> KernelReport:
    names = ", ".join(parameter.split()[-1].lstrip("*") for parameter in parameters.split(","))
    head = f"{before}\n__global__ void k({parameters}) {{ {INDEX} {body} }}\n"
    return report(head + LAUNCH.format(names))


def per_thread(found: KernelReport, operation: Operation) -> float:
    return found.counts.operations[operation] / THREADS


def floats(body: str, before: str = "") -> tuple[float, float]:
    found = kernel(body, before)
    return per_thread(found, Operation.SP), per_thread(found, Operation.DP)


def integers(body: str, before: str = "") -> float:
    """Integer operations of a body beside those of the thread's index."""
    return per_thread(kernel(body, before), Operation.INT) - INDEX_COST


ADD = """
__device__ void add(double *to, double by) {
    unsigned long long *bits = (unsigned long long *)to, old = *bits, assumed;
    do {
        assumed = old;
        old = atomicCAS(bits, assumed, __double_as_longlong(by + __longlong_as_double(assumed)));
    } while (assumed != old);
}
"""
"""How CUDA's guide adds atomically where the hardware cannot."""
LARGE = 16 * 2**20
"""Elements of an array of 64 MB, which fits no cache: what is written leaves it, too."""


def moved(body: str, before: str = "", *, n: int = LARGE) -> dict[str, float]:
    """DRAM bytes by array for n threads in one dimension."""
    text = f"""{before}
    __global__ void k(const float *a, float *b, const int *v, int n) {{ {INDEX} {body} }}
    int main() {{ int n = {n}; k<<<n / 256, 256>>>(a, b, v, n); }}"""
    return {array.name: array.dram_bytes for array in report(text).counts.arrays}
