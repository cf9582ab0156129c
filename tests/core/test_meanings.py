"""What C++ means in a kernel: names, types, macros and calls, as they change what is counted."""

import pytest

from jouleline.app.analyse import analyse, parse_files
from jouleline.core.counts import Operation

from .kernels import ADD, DEVICE, INDEX, LARGE, floats, integers, kernel, moved, per_thread, report, reports


@pytest.mark.parametrize(
    ("before", "trips"),
    [
        ("enum { N = 12 };", 12),
        ("enum { ONE = 1, TWO, N };", 3),
        ("enum { HALF = 6, N = 2 * HALF };", 12),
        ("enum Sizes : int { A, B, N };", 2),
        ("namespace size { enum class S { N = 5 }; } using size::N;", 5),
    ],
)
def test_enumerators_are_known_as_sizes(before: str, trips: int) -> None:
    assert floats("for (int j = 0; j < N; j++) x[i] += 1.0f;", before)[0] == trips


def test_an_enumerator_that_depends_on_itself_has_no_value() -> None:
    assert floats("x[i] += N;", "enum { N = M, M = N };")[0] == 1


@pytest.mark.parametrize(
    ("cast", "sp", "dp"),
    [
        ("(float)(d[i]) * y[i]", 1, 0),
        ("(T)(d[i]) * y[i]", 1, 0),
        ("T(d[i]) * y[i]", 1, 0),
        ("__double2float_rn(d[i]) * y[i]", 1, 0),
        ("__int_as_float(v[i]) * y[i]", 1, 0),
        ("__double2int_rd(d[i]) * 3", 0, 0),
        ("__double2hiint(d[i]) * 3", 0, 0),
        ("__float_as_int(y[i]) * 3", 0, 0),
        ("TO_FLOAT(d[i]) * y[i]", 1, 0),
        ("y[i] * d[i]", 0, 1),
    ],
)
def test_a_cast_says_what_is_computed_in(cast: str, sp: float, dp: float) -> None:
    before = "typedef float T;\n#define TO_FLOAT(value) static_cast<T>(value)"
    assert floats(f"x[i] = {cast};", before) == (sp, dp)


def test_the_overload_whose_parameters_fit_is_counted() -> None:
    before = """
    __device__ float f(float a) { return a * a; }
    __device__ float f(double a) { return a * a * a; }
    __device__ float f(float a, float b) { return a + b + a + b; }"""
    assert floats("x[i] = f(y[i]);", before) == (1, 0)
    assert floats("x[i] = f(d[i]);", before) == (0, 2)
    assert floats("x[i] = f(y[i], y[i]);", before) == (3, 0)


def test_a_size_is_deduced_from_an_array_that_is_passed_by_reference() -> None:
    before = """
    template <int N> __device__ float sum(float (&a)[N]) {
        float s = 0; for (int j = 0; j < N; j++) s += a[j]; return s;
    }"""
    assert floats("float a[6]; x[i] = sum(a);", before)[0] == 6


OBJECTS = """
struct Range {
    float low, high;
    int n;
    __device__ float width() const { return high - low; }
    __device__ float operator()(float a) const { return a * low + this->high; }
    __device__ float twice() const;
};
__device__ float Range::twice() const { return width() + width(); }
struct Other { float low; __device__ float width() const { return low * low * low; } };
"""


@pytest.mark.parametrize(
    ("call", "sp"),
    [("r.width()", 1), ("r(y[i])", 2), ("p[i].width()", 1), ("p->width()", 1), ("o.width()", 2)],
)
def test_methods_are_counted_by_the_class_of_their_object(call: str, sp: float) -> None:
    found = kernel(f"x[i] = {call};", OBJECTS, "float *x, float *y, Range r, Range *p, Other o")
    assert per_thread(found, Operation.SP) == sp
    assert not any("is not counted" in text for text in found.counts.assumptions)


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("template <class T> __device__ T Pair<T>::sum() const { return a + b; }", "p.sum()"),
        (
            "template <class T> inline __device__ T const &Pair<T>::sum() const { return t = a + b; }",
            "p.sum()",
        ),
        ("__device__ bool operator<(Other s, Other t) { return s.a + t.a < 3; }", "o < o"),
    ],
)
def test_members_of_class_templates_and_comparisons_are_found_by_their_names(method: str, call: str) -> None:
    pair = "template <class T> struct Pair { T a, b; mutable T t; __device__ T sum() const; };"
    pair += "struct Other { float a; };"
    found = kernel(f"x[i] = {call};", pair + method, "float *x, Pair<float> p, Other o")
    assert per_thread(found, Operation.SP) == 1
    assert not any("is not counted" in text for text in found.counts.assumptions)


def test_a_macro_may_give_a_function_another_name() -> None:
    names = "#define RECIPROCAL ONE_BY\n#define ONE_BY one_by<2>\n"
    function = "template <int N> __device__ float one_by(float a) { return N * a * a + 1; }"
    assert floats("x[i] = RECIPROCAL(y[i]);", names + function)[0] == floats("x[i] = 2 * y[i] * y[i] + 1;")[0]


def test_an_object_in_memory_is_read_for_its_method() -> None:
    text = f"""{OBJECTS}
    __global__ void k(float *x, const Range *p) {{ {INDEX} x[i] = p[i].width(); }}
    int main() {{ k<<<65536, 256>>>(x, p); }}"""
    arrays = {array.name: array.dram_bytes for array in report(text).counts.arrays}
    assert arrays["p"] == pytest.approx(12 * 65536 * 256, rel=0.01)


def test_a_macro_means_what_it_was_last_defined_as() -> None:
    steps = "for (int j = 0; j < N; j++) x[i] += OP(y[i]);"
    text = f"""
    #define N 3
    #define OP(a) (a)
    __global__ void first(float *x, float *y) {{ {INDEX} {steps} }}
    #undef N
    #undef OP
    #define N 7
    #define OP(a) ((a) * 2.0f)
    __global__ void second(float *x, float *y) {{ {INDEX} {steps} }}
    int main() {{ first<<<16, 256>>>(x, y); second<<<16, 256>>>(x, y); }}"""
    first, second = reports(text)
    assert per_thread(first, Operation.SP) == 3
    assert per_thread(second, Operation.SP) == 14


def test_of_alternatives_the_one_that_is_compiled_is_meant() -> None:
    before = "#ifdef WIDE\n#define N 9\n#else\n#define N 4\n#endif"
    body = "for (int j = 0; j < N; j++) x[i] += 1.0f;"
    assert floats(body, before)[0] == 4
    assert floats(body, "#define WIDE\n" + before)[0] == 9


# Integer operations, as compiled code has them.


def test_one_divisor_has_one_reciprocal() -> None:
    def by_n(body: str) -> float:
        return per_thread(kernel(body, "", "int *v, int n"), Operation.INT)

    whole = by_n("v[i] = i / n;")
    assert whole > 20
    assert whole < by_n("v[i] = i / n + (i + 5) / n;") < 2 * whole - 5
    assert by_n("v[i] = i / n + i % n;") < whole + 5


def test_a_loop_is_unrolled_as_far_as_its_size_allows() -> None:
    steps = " ".join(f"s += y[{step}] * s;" for step in range(20))
    control = integers(f"float s = 0; for (int j = 0; j < 16; j++) {{ {steps} }} x[i] = s;")
    asked = integers(f"float s = 0;\n#pragma unroll\nfor (int j = 0; j < 16; j++) {{ {steps} }} x[i] = s;")
    assert control > asked


def test_adding_to_a_shared_number_is_tried_until_it_succeeds() -> None:
    alone = "__shared__ float s[256]; atomicAdd(&s[threadIdx.x], y[i]); x[i] = s[0];"
    all_at_once = "__shared__ float s; atomicAdd(&s, y[i]); x[i] = s;"
    assert floats(alone)[0] == 1
    assert floats(all_at_once)[0] == (256 + 1) / 2
    assert floats("__shared__ double s; atomicAdd(&s, d[i]); d[i] = s;") == (0, (256 + 1) / 2)
    assert floats("atomicAdd(&x[0], y[i]);")[0] == 0


# Memory.


def test_rows_of_an_array_are_kept_by_the_function_it_is_passed_to() -> None:
    before = """
    __device__ void set(float table[64][3], int k, float value) { table[k][2] = value; }"""
    found = moved("float t[64][3]; for (int j = 0; j < 64; j++) set(t, j, a[i]); b[i] = t[v[i]][2];", before)
    assert found["t (local)"] > 64 * 4 * 1e6


def test_a_structs_arrays_lie_behind_one_another() -> None:
    before = "typedef float Row[4194304]; struct Rows { Row first; Row second; float last[4194304]; };"
    text = f"""{before}
    __global__ void k(const Rows *r, float *b) {{ {INDEX} b[i] = r->first[i] + r->second[i] + r->last[i]; }}
    int main() {{ Rows *r; float *b; cudaMalloc(&r, sizeof(Rows)); k<<<16384, 256>>>(r, b); }}"""
    arrays = {array.name: array.dram_bytes for array in report(text).counts.arrays}
    assert arrays["r"] == pytest.approx(3 * 4 * 2**22, rel=0.05)


VECTORS = """
struct V { float x, y, z; __device__ V operator-(float b) const { return {x - b, y - b, z - b}; } };
__device__ V operator*(V a, float b) { return {a.x * b, a.y * b, a.z * b}; }
__device__ V operator*(float a, V b) { return {a * b.x, a * b.y, a * b.z}; }
__device__ float operator*(V a, V b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
__device__ void operator+=(V &a, V b) { a.x += b.x; a.y += b.y; a.z += b.z; }
"""


@pytest.mark.parametrize(
    ("body", "sp"),
    [
        ("o[i] = p[i] * 2.0f;", 3),
        ("o[i] = 2.0f * p[i];", 3),
        ("o[i] = p[i] - 2.0f;", 3),
        ("x[i] = p[i] * p[i];", 5),
        ("V a = p[i]; a += p[i] * x[i]; o[i] = a;", 6),
    ],
)
def test_operators_of_objects_are_the_programs_own(body: str, sp: float) -> None:
    found = kernel(body, VECTORS, "float *x, V *o, const V *p")
    assert per_thread(found, Operation.SP) == sp


def test_operands_in_memory_are_read() -> None:
    text = f"""{VECTORS}
    __global__ void k(float *x, const V *p, const V *q) {{ {INDEX} x[i] = p[i] * q[i]; }}
    int main() {{ k<<<65536, 256>>>(x, p, q); }}"""
    arrays = {array.name: array.dram_bytes for array in report(text).counts.arrays}
    assert arrays["p"] == arrays["q"] == pytest.approx(12 * 65536 * 256, rel=0.01)


@pytest.mark.parametrize("first", [True, False])
def test_of_methods_and_operators_of_a_name_the_one_that_fits_is_counted(first: bool) -> None:  # noqa: FBT001
    one = "__device__ float at(int i) const { return p[i]; } __device__ V operator-() const { return *this; }"
    two = """__device__ float at(int i, int j) const { return p[i] * p[j]; }
        __device__ V operator-(const V &b) const { V r; r.x = x - b.x; return r; }"""
    before = f"struct V {{ float x; const float *p; {one if first else two} {two if first else one} }};"
    found = kernel("x[i] = a.at(i, 0); x[i] += (a - a).x;", before, "float *x, V a")
    assert per_thread(found, Operation.SP) == 3


def test_an_operator_of_other_objects_is_none_of_these() -> None:
    before = """struct W { float x; }; struct V { float x; };
    __device__ W operator-(W a, W b) { W r; r.x = a.x * b.x * a.x * b.x * a.x; return r; }"""
    assert per_thread(kernel("V d = p[i] - p[0]; x[i] = d.x;", before, "float *x, V *p"), Operation.SP) <= 1


def test_members_of_two_objects_are_told_apart() -> None:
    before = "struct View { const float *p; __device__ float at(int i) const { return p[i]; } };"
    text = f"""{before}
    __global__ void k(float *x, View a, View b) {{ {INDEX} x[i] = a.at(i) + b.at(i); }}
    int main() {{ k<<<65536, 256>>>(x, a, b); }}"""
    arrays = {array.name: array.dram_bytes for array in report(text).counts.arrays}
    assert arrays["a.p"] == arrays["b.p"] == 4 * 65536 * 256


def test_a_method_reads_and_writes_the_members_that_it_names() -> None:
    before = """struct Big { float a, b[30], c; __device__ float get() const { return a; }
        __device__ void set(float v) { c = v; } };"""
    text = f"""{before}
    __global__ void k(float *x, Big *p, Big *q) {{ {INDEX} x[i] = p[i].get(); q[i].set(x[i]); }}
    int main() {{ k<<<65536, 256>>>(x, p, q); }}"""
    arrays = {array.name: array.dram_bytes for array in report(text).counts.arrays}
    sector_each = 32 * 65536 * 256
    assert arrays["p"] == pytest.approx(sector_each, rel=0.1)
    assert arrays["q"] < 2.1 * sector_each


def test_what_the_template_of_a_class_leaves_open_is_assumed() -> None:
    before = "template <typename T> struct W { T x; __device__ T cube() const { return x * x * x; } };"
    found = kernel("W<Other> w; x[i] = w.cube();", before, "float *x")
    assert per_thread(found, Operation.SP) == 2
    assert "T = float: the template argument is not known" in found.counts.assumptions


def test_a_long_enumeration_is_known_whoever_asks_first() -> None:
    names = "E0 = 3, " + ", ".join(f"E{number} = E{number - 1} + 1" for number in range(1, 400))
    before = f"enum {{ {names}, LAST }};"
    assert floats("for (int j = 0; j < LAST; j++) x[i] += 1.0f;", before)[0] == 403


def test_a_loop_from_values_made_of_values_is_read_at_once() -> None:
    """Each line uses both others: written out, the last would double with every line."""
    lines = "".join(f"a = (a + b) / {3 + step % 4}; b = (a + b + i) / 5; " for step in range(40))
    found = kernel(
        f"int a = i, b = i + 1; {lines} for (int j = a; j < 99999; j++) x[i] += 1.0f;", "", "float *x"
    )
    assert per_thread(found, Operation.SP) > 0


def test_braces_make_no_difference_to_what_is_unrolled() -> None:
    inner = "for (int l = 0; l < 8; l++) s += y[l] * s;"
    bare, braced = (
        integers(f"float s = 0; for (int j = 0; j < 20; j++) {body} x[i] = s;")
        for body in (inner, f"{{ {inner} }}")
    )
    assert bare == braced


@pytest.mark.parametrize(
    ("before", "bound", "trips"),
    [
        ("#define FIRST(a, b) a\n#define N FIRST(12, n)", "N", 12),
        ("#define UP(a, b) (((a) + (b) - 1) / (b))", "UP(45, 3 + 1)", 12),
        ("__host__ __device__ constexpr int up(int a, int b) { return (a + b - 1) / b; }", "up(45, 4)", 12),
        ("template <class T> __device__ T up(T a, T b) { return (a + b - 1) / b; }", "up<int>(45, 4)", 12),
        ("__device__ int half(int a) { return a / 2; } enum { N = 48 };", "half(half(N))", 12),
        ("__device__ int f(int a) { return f(a) + f(a); }", "f(3)", 16),
    ],
)
def test_a_call_that_stands_for_an_expression_is_known_as_a_bound(
    before: str, bound: str, trips: int
) -> None:
    assert floats(f"for (int j = 0; j < {bound}; j++) x[i] += 1.0f;", before)[0] == pytest.approx(trips)


@pytest.mark.parametrize(
    ("index", "sectors_per_thread"),
    [
        ("a[j] + a[j + 256]", 2 / 8),  # each block's second half lies where its first half leaves a gap
        ("a[j] + a[j + 512 * 1024 * 1024]", 2 / 8),
        ("a[16 * i] + a[16 * i + 3]", 1),
        ("a[16 * i] + a[16 * i + 3] + a[16 * i + 8]", 2),
        ("a[16 * i] + a[16 * i - 2]", 2),
        ("a[16 * i] + a[16 * i + 16]", 1),
    ],
)
def test_accesses_that_fill_the_gaps_of_others_add_to_what_is_touched(
    index: str, sectors_per_thread: float
) -> None:
    found = moved(f"int j = blockIdx.x * 512 + threadIdx.x; b[i] = {index};")
    assert found["a"] == pytest.approx(32 * sectors_per_thread * LARGE, rel=0.01)


GROUPS = """
namespace cg = cooperative_groups;
__device__ float sum(cg::thread_block_tile<32> &tile, float v) {
    for (int step = tile.size() / 2; step > 0; step /= 2) v += tile.shfl_down(v, step);
    return v;
}"""


WARP = "auto w = cg::tiled_partition<32>(cg::this_thread_block());"


@pytest.mark.parametrize(
    ("before", "loop", "trips"),
    [
        ("cg::thread_block b = cg::this_thread_block();", "int j = 0; j < b.size(); j++", 256),
        (WARP, "int j = w.thread_rank(); j < 320; j += w.num_threads()", 10),
        (WARP, "int j = w.meta_group_rank(); j < 64; j += w.meta_group_size()", 8),
        ("auto g = cg::this_grid();", "int j = g.thread_rank(); j < 40960; j += g.size()", 10),
        ("cg::thread_block_tile<16> t = cg::tiled_partition<16>(b);", "int j = 0; j < t.size(); j++", 16),
        ("auto t = cg::tiled_partition(cg::this_thread_block(), 8);", "int j = 0; j < t.size(); j++", 8),
        ("auto t = cg::labeled_partition(warp, i);", "int j = 0; j < t.size(); j++", 32),
        ("auto t = cg::tiled_partition<32 - 64>(b);", "int j = 0; j < t.size(); j++", 32),
    ],
)
def test_a_group_knows_its_threads(before: str, loop: str, trips: float) -> None:
    found = kernel(f"{before} for ({loop}) x[i] += 1.0f;", GROUPS)
    assert per_thread(found, Operation.SP) == pytest.approx(trips, rel=0.02)
    assert not any("is not counted" in text for text in found.counts.assumptions)


@pytest.mark.parametrize(
    ("body", "sp"),
    [
        ("x[i] = sum(w, y[i]);", 5),
        ("x[i] = cg::reduce(w, y[i], cg::plus<float>()); w.sync(); cg::sync(w);", 5),
        ("if (w.thread_rank() == 0) x[i] += 1.0f;", 1 / 32),
    ],
)
def test_what_a_group_does_together_is_counted(body: str, sp: float) -> None:
    found = kernel(f"{WARP} {body}", GROUPS)
    assert per_thread(found, Operation.SP) == pytest.approx(sp)
    assert not any("is not counted" in text for text in found.counts.assumptions)


@pytest.mark.parametrize(
    ("condition", "share"),
    [
        ("threadIdx.x % 32 == 0", 1 / 32),
        ("(threadIdx.x & 31) < 16", 1 / 2),
        ("threadIdx.x / 32 == 0", 1 / 8),
        ("threadIdx.x >> 5 < 2", 1 / 4),
        ("i % 4 != 0", 3 / 4),
        ("v[i] % 4 != 0", 1 / 2),  # depends on data
        ("i / 4 - i / 64 * 16 >= 0", 1 / 2),  # whatever: the two quotients go together
        ("remainder < 2", 1 / 4),
    ],
)
def test_a_condition_on_a_remainder_or_quotient_holds_for_its_share(condition: str, share: float) -> None:
    before = "int quotient = i / 8; int remainder = i - quotient * 8;"
    assert floats(f"{before} if ({condition}) x[i] += 1.0f;")[0] == pytest.approx(share)


def test_a_call_within_itself_is_not_followed_for_ever() -> None:
    four = " + ".join(f"length(v.{part})" for part in "xyzw")
    before = f"__device__ float4 length(float4 v) {{ return {four}; }}"
    assert floats("float d = length(x[i]); if (d > length(y[i])) x[i] += 1.0f;", before)[0] > 0


def test_a_macro_that_is_given_itself_has_a_value() -> None:
    before = "#define LEAST(a, b) ((a) < (b) ? (a) : (b))"
    assert floats("for (int j = 0; j < LEAST(LEAST(9, 7), LEAST(5, 6)); j++) x[i] += 1.0f;", before)[0] == 5


@pytest.mark.parametrize("step", ["x1 = (x1 + x1 / 2) % 64;", "x1 = x1 / 3 + x1 % 3;"])
def test_a_long_chain_of_remainders_is_followed_once(step: str) -> None:
    assert floats(f"int x1 = i; {step * 30} if (x1 == 0) x[i] += 1.0f;")[0] <= 1


def test_a_tile_that_walks_along_a_row_is_coalesced() -> None:
    body = """
    auto w = cg::tiled_partition<32>(cg::this_thread_block());
    const float *row = a + (blockIdx.x * w.meta_group_size() + w.meta_group_rank()) * 320;
    float s = 0.0f; for (int j = w.thread_rank(); j < 320; j += w.size()) s += row[j];
    if (w.thread_rank() == 0) b[blockIdx.x * w.meta_group_size() + w.meta_group_rank()] = s;"""
    assert moved(body, n=2**20)["a"] == pytest.approx(4 * 320 * 2**20 / 32, rel=0.01)


@pytest.mark.parametrize(
    ("condition", "index", "sectors"),
    [
        ("threadIdx.x % 32 == 0", "i", LARGE / 32),  # a sector of its own for each
        ("threadIdx.x % 2 == 0", "i", LARGE / 8),
        ("threadIdx.x == 0", "i", LARGE / 256),
        ("threadIdx.x < 64", "i", LARGE / 4 / 8),
        ("i < n / 2", "i", LARGE / 2 / 8),
        ("threadIdx.x == 0", "blockIdx.x", LARGE / 256 / 8),
    ],
)
def test_a_warp_moves_the_sectors_of_the_threads_that_are_there(
    condition: str, index: str, sectors: float
) -> None:
    found = moved(f"float s = 1.0f; if ({condition}) s = a[{index}]; b[i] = s;")
    assert found["a"] == pytest.approx(32 * sectors, rel=0.01)


PACKED = """
template <class T> struct Packed {
    Packed() = default;
    __device__ T &operator[](int i) { return payload[i]; }
    __device__ const T &operator[](int i) const { return payload[i]; }
    static constexpr int size = sizeof(int4) / sizeof(T);
    T payload[size];
};
template <class T> struct View {
    T *data; int pitch;
    __device__ T &operator()(int y, int x) const { return data[y * pitch + x]; }
    __device__ T &operator[](int x) const { return data[x]; }
};
typedef Packed<float> four; using two = Packed<double>;
"""


@pytest.mark.parametrize(
    ("body", "sp", "dp"),
    [
        ("for (int j = 0; j < four::size; j++) x[i] += 1.0f;", 4, 0),
        ("for (int j = 0; j < two::size; j++) x[i] += 1.0f;", 2, 0),
        ("four p; for (int j = 0; j < p.size; j++) x[i] += p[j];", 4, 0),
        ("two p; for (int j = 0; j < p.size; j++) d[i] += p[j] * 2.0;", 0, 4),
        ("for (int j = 0; j < sizeof(float4) / sizeof(float); j++) x[i] += 1.0f;", 4, 0),
    ],
)
def test_an_object_that_is_indexed_has_its_elements(body: str, sp: float, dp: float) -> None:
    found = kernel(body, PACKED)
    assert (per_thread(found, Operation.SP), per_thread(found, Operation.DP)) == (sp, dp)
    assert not found.counts.assumptions


@pytest.mark.parametrize(
    ("statement", "read", "written"),
    [
        ("out[i] = in[i];", 1, 1),
        ("out(0, i) = in(0, i);", 1, 1),
        ("out[i] += 1.0f;", 0, 2),
        ("float s = in[i]; if (s < 0) out[i] = s;", 1, 0.5),
    ],
)
def test_an_index_into_an_object_reaches_the_array_it_holds(
    statement: str, read: float, written: float
) -> None:
    text = f"""{PACKED}
    __global__ void k(View<float> in, View<float> out) {{ {INDEX} {statement} }}
    int main() {{ k<<<65536, 256>>>(in, out); }}"""
    arrays = {array.name: array.dram_bytes for array in report(text).counts.arrays}
    assert arrays.get("in.data", 0.0) == pytest.approx(4 * read * LARGE, rel=0.01)
    assert arrays["out.data"] == pytest.approx(4 * written * LARGE, rel=0.02)


@pytest.mark.parametrize("store", ["__stcs(b + i, a[i])", "__stcg(&b[i], a[i])", "memcpy(b + i, a + i, 4)"])
def test_what_a_function_stores_is_written(store: str) -> None:
    before = "__device__ void __stcs(double *to, float value) { __stcs(to, double(value)); }"
    found = moved(f"{store};", before)
    assert found == pytest.approx({"a": 4 * LARGE, "b": 4 * LARGE}, rel=0.01)


def test_a_size_that_threads_walk_up_to_is_as_large_as_there_are_threads() -> None:
    text = """
    __global__ void triad(double *a, const double *b, const double *c, int n) {
        for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
            a[i] = b[i] + 0.4 * c[i];
    }
    struct Stream { double *a, *b, *c; int n; void triad() { ::triad<<<65536, 256>>>(a, b, c, n); } };"""
    counts = report(text).counts
    arrays = {array.name: array.dram_bytes for array in counts.arrays}
    assert arrays == pytest.approx(dict.fromkeys("abc", 8 * LARGE), rel=0.01)
    assert counts.operations[Operation.DP] == pytest.approx(2 * LARGE, rel=0.01)
    assert any(text.startswith("n = ") for text in counts.assumptions)


def test_what_is_known_of_an_object_is_known_in_the_functions_it_is_given_to() -> None:
    text = f"""
    struct Noise {{ int octaves; float scale; }};
    __device__ float sum(Noise noise) {{
      float s = 0.0f;
      for (int o = 0; o < noise.octaves; o++) s += noise.scale;
      return s;
    }}
    __global__ void k(float *x, Noise given) {{ {INDEX} x[i] = sum(given); }}
    int main() {{ Noise n; n.octaves = 5; k<<<16, 256>>>(x, n); }}"""
    found = report(text)
    assert per_thread(found, Operation.SP) == 5
    assert found.counts.assumptions == ()


def test_an_enumerator_goes_before_the_mathematical_constant_of_its_name() -> None:
    own = "enum Direction { M_N, M_E, M_PI_2 };"
    assert floats("v[i] = i % M_PI_2; x[i] = M_E * y[i];", own) == (1, 0)
    assert floats("x[i] = M_E * y[i];") == (0, 1)


def test_the_version_of_cuda_is_an_integer() -> None:
    assert floats("x[i] = CUDART_VERSION * y[i];") == (1, 0)
    assert floats("x[i] = CUDART_PI * y[i];") == (0, 1)


@pytest.mark.parametrize(
    ("before", "store"),
    [
        ("", "(b[i]) = a[i];"),
        ("#define OUT(k) b[(k)]", "OUT(i) = a[i];"),
        ("#define OUT(k) (b[(k)])", "OUT(i) = a[i];"),
        ("#define OUT(k) *(b + (k))", "OUT(i) = a[i];"),
        ("#define OUT b[i]", "OUT = a[i];"),
        ("#define OUT (b[i])", "OUT = a[i];"),
        ("", "float &out = b[i]; out = a[i];"),
        ("", "auto &out = *(b + i); out = a[i];"),
        ("", "float &first = b[i], &second = first; second = a[i];"),
    ],
)
def test_what_is_stored_to_may_have_another_name(before: str, store: str) -> None:
    assert moved(store, f"{before}\n") == moved("b[i] = a[i];")


HIP = "#include <hip/hip_runtime.h>\n"


def test_hip_declares_shared_memory_by_a_macro() -> None:
    body = "{} t[threadIdx.x] = x[i]; for (int j = 0; j < 8; j++) x[i] += t[threadIdx.x ^ j];"
    by_macro = kernel(body.format("HIP_DYNAMIC_SHARED(float, t)"), HIP)
    written = kernel(body.format("extern __shared__ float t[];"), HIP)
    assert by_macro.counts.operations == written.counts.operations
    assert by_macro.counts.dram_bytes == written.counts.dram_bytes


@pytest.mark.parametrize(
    ("expression", "sp"),
    [("a + b", 4), ("a * y[i]", 4), ("y[i] * a", 4), ("-a", 0), ("a / 2.0f", 4), ("a + b * b", 8)],
)
def test_the_vectors_of_hip_have_operators(expression: str, sp: float) -> None:
    before = HIP + "__device__ float4 read(const float *x);"
    body = f"float4 a = read(x), b = read(y); float4 c = {expression}; x[i] = c.x;"
    assert floats(body, before) == (sp, 0)
    assert floats("float4 a = read(x), b = read(y); a += b; x[i] = a.x;", before) == (4, 0)


def test_a_division_of_vectors_is_one_for_each_number() -> None:
    before = HIP + "__device__ float2 read(const float *x);"
    body = "float2 a = read(x), b = read(y); a = a / b; x[i] = a.x;"
    assert floats(body, before)[0] == 2 * floats("x[i] = x[i] / y[i];")[0]


def test_the_vectors_of_integers_have_operators_as_well() -> None:
    before = HIP + "__device__ int4 read(const int *v);"
    assert integers("int4 a = read(v), b = read(v + i); int4 c = a ^ b; v[0] = c.x;", before) - integers(
        "int4 a = read(v), b = read(v + i); int4 c = a; v[0] = c.x;", before
    ) == pytest.approx(4)


def test_a_vector_that_the_program_defines_for_another_compiler_is_that_of_the_language() -> None:
    before = "#ifdef _OPENMP\ntypedef struct { float x, y, z, w; } float4;\n#endif\n"
    body = "float4 a = make_float4(x[i], x[i], x[i], x[i]); float4 b = a * a; x[i] = b.x;"
    assert floats(body, before) == (4, 0)


def test_of_static_functions_of_one_name_that_of_the_file_is_called() -> None:
    other = "static __device__ float f(float a) { return a * a * a * a; }"
    text = f"""
    static __device__ float f(float a) {{ return a * a; }}
    __global__ void k(float *x) {{ {INDEX} x[i] = f(x[i]); }}
    void host(float *x) {{ k<<<16, 256>>>(x); }}"""
    parsed, _ = parse_files({"a.cu": other.encode(), "b.cu": text.encode()})
    (found,) = analyse(parsed, DEVICE).kernels
    assert per_thread(found, Operation.SP) == 1


def test_what_a_function_searches_for_each_thread_is_elsewhere_for_each() -> None:
    search = """
    int search(const double *e, int n, double x) {
        int low = 0, high = n;
        while (high - low > 1) {
            int mid = (low + high) / 2;
            if (e[mid] > x) high = mid; else low = mid;
        }
        return low;
    }"""
    text = f"""{search}
    int main() {{
        int n = {4 * LARGE};
        double *e = new double[n], *table = new double[n], *out = new double[{LARGE}];
        #pragma omp target teams distribute parallel for map(to: e[0:n], table[0:n]) map(from: out[0:{LARGE}])
        for (int i = 0; i < {LARGE}; i++) out[i] = table[search(e, n, i * 0.1)];
    }}"""
    (table,) = (one for one in report(text).counts.arrays if one.name == "table")
    assert table.dram_bytes == pytest.approx(LARGE * 8, rel=0.1)


def test_a_vector_is_made_by_the_language_where_no_overload_of_the_program_fits() -> None:
    before = "__device__ float4 make_float4(float s) { return make_float4(s, s, s, s); }"
    found = kernel("float4 a = make_float4(x[i]); x[i] = a.x + a.y;", before)
    assert per_thread(found, Operation.SP) == 1
    assert found.counts.assumptions == ()


@pytest.mark.parametrize(
    ("kept", "condition", "share"),
    [
        ("bool in = i < 3072;", "in", 0.75),
        ("int in; in = (i < 3072) && (threadIdx.x < 64);", "in", 0.1875),
        ("const bool out = i >= 1024;", "!out", 0.25),
        ("bool a = i < 2048, b = threadIdx.x < 64;", "a && b", 0.125),
        ("bool a = threadIdx.x < 64; a = a && i < 2048;", "a", 0.125),
        ("bool a = i < 2048 && threadIdx.x < 64;", "a", 0.125),
        ("bool data = v[i] > 3;", "data", 0.5),
        ("int at = __mul24(blockIdx.x, 256) + threadIdx.x;", "at < 1024", 0.25),
    ],
)
def test_a_comparison_that_was_kept_holds_as_often_as_where_it_was_made(
    kept: str, condition: str, share: float
) -> None:
    assert floats(f"{kept} if ({condition}) x[i] += 1.0f;")[0] == pytest.approx(share)
    assert floats(f"{kept} x[i] = {condition} ? x[i] * y[i] : y[i];")[0] == pytest.approx(share)


def test_a_comparison_that_a_function_makes_holds_as_often() -> None:
    before = "__device__ bool inside(int x, int n) { return x >= 0 && x < n; }"
    assert floats("if (inside(i, 1024)) x[i] += 1.0f;", before)[0] == pytest.approx(0.25)
    assert floats("if (inside(v[i], 1024)) x[i] += 1.0f;", before)[0] == pytest.approx(0.5)


def test_lanes_that_a_kept_comparison_leaves_idle_fetch_nothing() -> None:
    direct = kernel("if (threadIdx.x < 8) x[i] += 1.0f;").counts.dram_bytes
    assert kernel("bool first = threadIdx.x < 8; if (first) x[i] += 1.0f;").counts.dram_bytes == direct


@pytest.mark.parametrize(
    "leave",
    [
        "if (threadIdx.x != 0) return; STORE",
        "if (threadIdx.x) return; STORE",
        "if (!(threadIdx.x == 0)) { return; } STORE",
        "if (threadIdx.x > 0 || blockIdx.x >= gridDim.x) return; STORE",
        "if (threadIdx.x != 0) { n++; return; } STORE",
        "if (threadIdx.x != 0) { } else { STORE }",
        "for (int j = 0; j < 1; j++) { if (threadIdx.x != 0) continue; STORE }",
        "switch (n) { default: if (threadIdx.x != 0) break; STORE }",
    ],
)
@pytest.mark.parametrize("store", ["a[blockIdx.x * 64] = 1.0f;", "atomicAdd(&a[blockIdx.x * 64], 1.0f);"])
def test_who_has_left_takes_no_part_in_what_comes_behind(leave: str, store: str) -> None:
    direct = moved(f"if (threadIdx.x == 0) {{ {store} }}")["a"]
    assert moved(leave.replace("STORE", store))["a"] == pytest.approx(direct)


def test_who_has_left_a_loop_is_there_again_behind_it() -> None:
    before = "for (int j = 0; j < 4; j++) if (threadIdx.x != 0) break;"
    assert moved(f"{before} b[i] = a[i];") == moved("b[i] = a[i];")
    assert moved("switch (n) { case 1: if (threadIdx.x) break; } b[i] = a[i];") == moved("b[i] = a[i];")


def test_of_those_that_have_not_left_one_after_the_other_adds_in_shared_memory() -> None:
    before = "__shared__ float sum;"
    only = integers(f"{before} if (threadIdx.x == 0) atomicAdd(&sum, 1.0f);")
    assert integers(f"{before} if (threadIdx.x != 0) return; atomicAdd(&sum, 1.0f);") == pytest.approx(only)


@pytest.mark.parametrize(
    ("before", "step"),
    [
        ("", "float &out = b[i]; out += a[i];"),
        ("", "float &out = b[i]; for (int j = 0; j < n; j += n) out += a[i];"),
        ("__device__ void add(float &to, float by) { to += by; }", "add(b[i], a[i]);"),
        (
            "struct V { float x; }; __device__ void add(V &to, float by) { to.x += by; }",
            "add(((V *)b)[i], a[i]);",
        ),
        ("struct V { float x; };", "V &to = ((V *)b)[i]; to.x += a[i];"),
    ],
)
def test_what_is_done_to_a_reference_is_done_to_what_it_refers_to(before: str, step: str) -> None:
    found = moved(step, before)
    assert found == pytest.approx(moved("b[i] += a[i];"))


def test_what_a_function_gives_back_by_reference_is_not_read() -> None:
    before = "__device__ void both(float from, float &to, float &other) { to = from; other = from; }"
    found = moved("float other; both(a[i], b[i], other);", before)
    assert found == pytest.approx(moved("b[i] = a[i];"))
    assert floats(
        "x[i] = 1.0f; swap(x[i], y[i]);", "template <class T> __device__ void swap(T &a, T &b);"
    ) == (0, 0)


def test_the_address_of_a_reference_is_computed_once() -> None:
    before = "__device__ void add(float &to, float by) { to += by; to *= by; }"
    assert integers("add(x[i], 2.0f);", before) == integers("x[i] += 2.0f; x[i] *= 2.0f;")


def test_a_reference_that_is_only_read_is_the_value_it_had() -> None:
    assert moved("const float &in = a[i]; b[i] = in * in;") == moved("b[i] = a[i] * a[i];")
    assert integers("const float &in = y[i]; x[i] = in * in;") == integers("x[i] = y[i] * y[i];")


def test_a_reference_to_a_variable_is_the_variable() -> None:
    assert floats("float s = 0.0f; float &t = s; t += y[i]; x[i] = t;") == (1, 0)


@pytest.mark.parametrize(
    ("loop", "trips"),
    [
        ("int k = 128; do { x[i] += 1.0f; } while (k >>= 1);", 8),
        ("int k = 128; while (k >>= 1) x[i] += 1.0f;", 7),
        ("int k = 64; while (k > 0) { x[i] += 1.0f; k /= 2; }", 7),
        ("int k = blockDim.x / 2; while (k != 0) { x[i] += 1.0f; __syncthreads(); k = k / 2; }", 8),
        ("int k = 1; do { x[i] += 1.0f; k *= 4; } while (k < 1024);", 5),
        ("int k = 64; while (k) { if (threadIdx.x < k) x[i] += 1.0f; k >>= 1; }", 127 / 256),
        ("int k = 27; while (k > 1) { x[i] += 1.0f; k /= 2; if (v[i]) k *= 3; }", 16),
    ],
)
def test_a_loop_that_halves_or_doubles_is_known(loop: str, trips: float) -> None:
    assert floats(loop)[0] == pytest.approx(trips)


SWAPS = (
    ADD
    + """
__device__ void least(float *to, float given) {
    unsigned int had = __float_as_uint(*to); double tries = 0;
    while (given < __uint_as_float(had)) {
        unsigned int old = had; tries += 1.0;
        if ((had = atomicCAS((unsigned int *)to, old, __float_as_uint(given))) == old) break;
    }
}
__device__ void put(int *table, int key) {
    int slot = key % 1024; double tries = 0;
    while (true) {
        tries += 1.0;
        int there = atomicCAS(&table[slot], -1, key);
        if (there == -1 || there == key) return;
        slot = (slot + 1) % 1024;
    }
}
"""
)


@pytest.mark.parametrize(
    ("call", "attempts"),
    [
        ("add(d + i, 2.0);", 1),
        ("add(d + v[i], 2.0);", 1),
        ("add(d, 2.0);", (256 + 1) / 2),
        ("add(d + blockIdx.x, 2.0);", (256 + 1) / 2),
        ("least(x, y[i]);", 2),  # of those that try at a time, half give up after each
        ("least(x + i, y[i]);", 1),
        ("put(v, y[i]);", 1),
    ],
)
def test_a_swap_is_tried_until_it_succeeds(call: str, attempts: float) -> None:
    found = kernel(call, SWAPS)
    assert per_thread(found, Operation.DP) == pytest.approx(attempts)
    assert not any("depends on data" in text for text in found.counts.assumptions if "loop" in text)


@pytest.mark.parametrize(
    ("ends", "loop"),
    [
        ("l = 0, h = 999", "while (l <= h) { int m = (l + h) / 2; if (IT) l = m + 1; else h = m - 1; STEP }"),
        ("l = 0, h = 999", "while (l < h) { int m = l + (h - l) / 2; if (IT) l = m + 1; else h = m; STEP }"),
        (
            "l = 0, h = 999",
            "while (h - l > 1) { int m = (l + (int)h) >> 1; if (IT) l = m; else h = m; STEP }",
        ),
        (
            "l = 0, h = 999, n = h - l",
            "while (n > 1) { int m = l + (n / 2); if (IT) l = m; else h = m; n = h - l; STEP }",
        ),
        ("l = 0, h = 999, m", "for (m = 9; l != h; m = (l + h) / 2) { if (IT) l = m + 1; else h = m; STEP }"),
    ],
)
def test_a_binary_search_takes_the_logarithm_of_what_it_searches(ends: str, loop: str) -> None:
    found = kernel(f"int {ends}; {loop.replace('IT', 'v[m] < i').replace('STEP', 'x[i] += 1.0f;')}")
    assert per_thread(found, Operation.SP) == 10
    assert found.counts.assumptions == ("branches that depend on data are taken half the time",)


def test_a_search_in_what_is_not_known_is_a_loop_that_depends_on_data() -> None:
    search = "while (l < h) { int m = (l + h) / 2; if (v[m]) l = m + 1; else h = m; x[i] += 1.0f; }"
    assert floats(f"int l = v[i], h = v[i + 1]; {search}")[0] == 16
    mean = "int s = 64; while (v[s] > 0) { x[i] += 1.0f; int m = (s + i) / 2; y[m] = s; s -= v[m]; }"
    assert floats(mean)[0] == 16


@pytest.mark.parametrize(
    ("statement", "sp", "dp"),
    [
        # As clang 19 and nvcc 13.5 compile them.
        ("x[i] = y[i] * 0.5;", 1, 0),
        ("x[i] = y[i] * 0.1;", 0, 1),  # which is no number of single precision
        ("x[i] *= 3.0;", 1, 0),
        ("x[i] = y[i] / 3.0;", 10, 0),
        ("x[i] = y[i] * 0.5 + 1.0;", 0, 2),
        ("x[i] += 0.5 * y[i];", 0, 2),
        ("x[i] = (1.0 - y[i] * y[i]);", 2, 0),
        ("float t = 0.25f * y[i] / MILLION; x[i] = t;", 11, 0),
        ("x[i] = v[i] * 0.5;", 0, 1),
        ("x[i] = y[i] > 0 ? y[i] * 0.5 : 1.0;", 0.5, 0),
        ("x[i] = y[i] - 1.0 > 2.0 ? y[i] : x[i];", 0, 1),
        ("x[i] = (y[i] - 1.0) * (y[i] - 2.0f);", 1, 2),
        ("x[i] = half(y[i] * 3.0);", 2, 0),
        ("d[i] = y[i] * 0.5;", 0, 1),
        ("x[i] = float(y[i] * 2.0) + (float)(y[i] + 1.0);", 3, 0),
        ("P p; p.x = y[i] * 2.0; float &r = x[i]; r = p.x + 1.0;", 2, 0),
    ],
)
def test_what_is_rounded_at_once_is_computed_in_single_precision(
    statement: str, sp: float, dp: float
) -> None:
    before = "struct P { float x; };\n#define MILLION 1e6\n__device__ float half(float a) { return a * 0.5; }"
    assert floats(statement, before) == (sp, dp)


@pytest.mark.parametrize(
    ("statement", "sp", "dp"),
    [("x[i] = (T)-5.1 * y[i];", 1, 0), ("x[i] = (T)-y[i];", 0, 0), ("T n = 2.0f; x[i] = (n)-y[i];", 1, 0)],
)
def test_a_type_in_front_of_a_sign_is_a_cast(statement: str, sp: float, dp: float) -> None:
    assert floats(statement, "typedef float T;") == (sp, dp)


@pytest.mark.parametrize(
    "clamp",
    [
        "int m = n - 4 * i; if (m > 2) m = 2;",
        "int m = n - 4 * i; m = m > 2 ? 2 : m;",
        "int m = 2; if (n - 4 * i <= 2) m = n - 4 * i;",
        "int m = min(n - 4 * i, 2);",
        "int m = max(2, i - n);",
    ],
)
def test_what_is_clamped_nearly_everywhere_is_the_limit(clamp: str) -> None:
    text = f"""
    __global__ void k(float *x, int n) {{ {INDEX} {clamp} for (int j = 0; j < m; j++) x[i] += 1.0f; }}
    int main() {{ k<<<16, 256>>>(x, 4 * 4096 + 1); }}"""
    assert per_thread(report(text), Operation.SP) == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(
    ("bits", "trips"),
    [("__ffs(gridDim.x * blockDim.x) - 1", 12), ("__popc(blockDim.x - 1)", 8), ("32 - __clz(blockDim.x)", 9)],
)
def test_bits_of_what_is_known_are_counted(bits: str, trips: int) -> None:
    assert floats(f"for (int j = 0; j < {bits}; j++) x[i] += 1.0f;")[0] == trips


@pytest.mark.parametrize(("number", "counted"), [("float", (10, 0)), ("double", (0, 10)), ("Real", (0, 10))])
def test_what_a_template_returns_has_the_types_that_it_was_given(
    number: str, counted: tuple[int, int]
) -> None:
    before = """typedef double Real;
    template <class T> struct Complex {
        T re, im;
        __device__ Complex<T> plus(Complex<T> o) const { o.re = re + o.re; o.im = im + o.im; return o; }
        __device__ T norm() const { return re * re + im * im; }
        friend __device__ Complex<T> twice(Complex<T> a) { a.re = a.re + a.re; return a; }
    };
    template <class T> __device__ T real(const Complex<T> &a) { return a.re * a.im; }
    template <class T> __device__ Complex<T> operator*(Complex<T> a, T b) {
        Complex<T> r; r.re = a.re * b; r.im = a.im * b; return r;
    }"""
    body = "o[i] = (p[i] * s).plus(p[i]).norm(); o[i] += real(twice(p[i]));"
    found = kernel(body, before, f"{number} *o, Complex<{number}> *p, {number} s")
    assert not found.counts.assumptions
    assert (per_thread(found, Operation.SP), per_thread(found, Operation.DP)) == counted


@pytest.mark.parametrize(
    ("declared", "dp"),
    [
        ("", 15),
        ("const double h = LENGTH / 512;", 1),  # by a power of two, which is a product
        ("const double h = (LENGTH / CELLS);", 1),
        ("constexpr double h = 1.0 / 4;", 1),
        ("const double h = 1.0 / 3;", 15),
    ],
)
def test_a_quotient_of_real_numbers_is_not_rounded(declared: str, dp: float) -> None:
    sizes = "#define LENGTH 1.0\n#define CELLS 512\n"
    inside = declared or "const double h = d[0];"
    assert floats(f"{inside} d[i] = d[i] / h;", sizes)[1] == dp
    if declared:
        assert floats("d[i] = d[i] / h;", f"{sizes}{declared}\n")[1] == dp


@pytest.mark.parametrize("same", ["std::is_same<T, double>::value", "std::is_same_v<T, double>"])
@pytest.mark.parametrize(("number", "dp"), [("double", 2), ("float", 0)])
def test_what_a_template_does_for_one_type_alone_is_done_for_it(same: str, number: str, dp: float) -> None:
    text = f"""
    template <class T> __global__ void k(T *x) {{
        {INDEX} if constexpr ({same}) {{ x[i] = x[i] * 3.1 + 2.7; }} else {{ x[i] = 1.0f; }}
    }}
    int main() {{ {number} *x; k<{number}><<<16, 256>>>(x); }}"""
    assert per_thread(report(text), Operation.DP) == dp


def test_the_size_of_a_device_array_bounds_what_is_read_of_it() -> None:
    assert moved("b[i] = table[v[i]];", "__device__ float table[256];")["table"] <= 1024


@pytest.mark.parametrize(("given", "trips"), [("(int)sqrtf(float(n))", 3), ("int(log2f(n) + 0.5f)", 4)])
def test_a_root_of_what_is_known_is_known(given: str, trips: int) -> None:
    text = f"""__global__ void k(float *x, int n) {{
        {INDEX} int m = {given}; for (int j = 0; j < m; j++) x[i] += 1.0f; }}
    int main() {{ k<<<16, 256>>>(x, 12); }}"""
    plain = per_thread(report(text.replace("j < m", "j < 0")), Operation.SP)
    assert per_thread(report(text), Operation.SP) == plain + trips


LESS = "__device__ bool less(int a, int b) { return a < b; }"


@pytest.mark.parametrize(
    ("body", "sp"),
    [
        ("if (less(i, 3072)) x[i] += 1.0f; if (less(i, 1024)) x[i] += 1.0f;", 1.0),
        ("if (less(i, 1024)) x[i] += 1.0f; if (less(i, 3072)) x[i] += 1.0f;", 1.0),
        ("if (less(i, 1024)) x[i] += 1.0f; if (less(v[i], 3)) x[i] += 1.0f;", 0.75),
        (
            "int c = i < 1024; c = 1 - c; if (c) x[i] += 1.0f;",
            0.5,
        ),  # what is computed with it is not followed
        ("int valid = 0; if (i < 1024) valid = 1; if (valid) x[i] += 1.0f;", 0.25),
        ("int m = i < 1024 ? 100 : 0; for (int j = 0; j < m; j++) x[i] += 1.0f;", 25),
        ("int m = 1; if (threadIdx.x < 64) m = 9; for (int j = 0; j < m; j++) x[i] += 1.0f;", 3),
    ],
)
def test_what_depends_on_a_condition_stands_for_both_ways(body: str, sp: float) -> None:
    assert floats(body, LESS)[0] == pytest.approx(sp)


@pytest.mark.parametrize("value", ["12 / 5.0", "2.9", "0.18 * gridDim.x"])
def test_an_integer_is_whole_whatever_it_is_given(value: str) -> None:
    assert floats(f"int m = {value}; for (int j = 0; j < m; j++) x[i] += 1.0f;")[0] == 2
    assert floats(f"int m; m = {value}; for (int j = 0; j < m; j++) x[i] += 1.0f;")[0] == 2


def test_functions_of_the_program_that_make_something_are_its_own() -> None:
    before = "__device__ float make_key(float a, float m = 2.0f) { return a * m; }"
    assert floats("x[i] = make_key(x[i]);", before) == (1, 0)


def test_a_macro_of_a_macro_is_stored_to() -> None:
    before = "#define CELL b[i]\n#define OUT (CELL)\n#define LOOP LOOP\n"
    assert moved("OUT = a[i];", before) == moved("b[i] = a[i];")
