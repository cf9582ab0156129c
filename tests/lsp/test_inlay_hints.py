from pathlib import Path

from tests.lsp.client import FULL, Client


def test_kernels_and_launches_of_a_cuda_sample_have_hints(client: Client, samples: Path) -> None:
    path = samples / "jacobi-cuda" / "main.cu"
    lines = path.read_text("utf-8").splitlines()
    client.initialize(samples)
    uri = client.open(path)
    kernel, launch = client.hints(uri)
    for hint, before in ((kernel, "int n)"), (launch, "jacobi_step<<<blocks, block>>>")):
        position = hint["position"]
        assert lines[position["line"]][: position["character"]].endswith(before)
        assert hint["label"].startswith("◂ bandwidth-bound")
        assert hint["label"].endswith("source")
        assert hint["tooltip"]["kind"] == "markdown"
        assert "evidence: source" in hint["tooltip"]["value"]
        assert "NVIDIA A100 SXM4 40 GB" in hint["tooltip"]["value"]


def test_only_what_is_in_the_range_is_answered(client: Client, samples: Path) -> None:
    client.initialize(samples)
    uri = client.open(samples / "jacobi-cuda" / "main.cu")
    assert [hint["position"]["line"] for hint in client.hints(uri, 0, 20)] == [7]
    assert [hint["position"]["line"] for hint in client.hints(uri, 50, 60)] == [54]
    assert client.hints(uri, 20, 40) == []


def test_openmp_regions_have_hints_at_their_directives(client: Client, samples: Path) -> None:
    path = samples / "jacobi-omp" / "main.cpp"
    lines = path.read_text("utf-8").splitlines()
    client.initialize(samples)
    uri = client.open(path, language="cpp")
    hints = client.hints(uri)
    assert len(hints) == 2
    for hint in hints:
        position = hint["position"]
        assert lines[position["line"]][: position["character"]] == "#pragma omp parallel for"


def test_every_sample_has_a_hint_for_each_kernel(client: Client, samples: Path) -> None:
    client.initialize(samples)
    for path in sorted(samples.glob("*/*.*")):
        if path.suffix not in (".cu", ".hip", ".cpp"):
            continue
        uri = client.open(path)
        labels = [hint["label"] for hint in client.hints(uri)]
        assert labels, path
        assert all("-bound" in label and "· source" in label for label in labels), (path, labels)


def test_a_hint_of_a_region_of_the_host_does_not_promise_a_gpu(client: Client, samples: Path) -> None:
    client.initialize(samples)
    uri = client.open(samples / "jacobi-omp" / "main.cpp", language="cpp")
    tooltip = client.hints(uri)[0]["tooltip"]["value"]
    assert "as if on NVIDIA A100 SXM4 40 GB" in tooltip
    assert "It runs on this host" in tooltip
    assert "as if on" in (client.hover(uri, client.hints(uri)[0]["position"]["line"], 3) or "")


def test_a_kernel_without_anything_to_count_says_so(client: Client, tmp_path: Path) -> None:
    client.initialize()
    uri = client.open(tmp_path / "k.cu", "__global__ void nothing() {}")
    (hint,) = client.hints(uri)
    assert hint["label"] == "◂ bound unknown"
    assert "nothing was found to count" in hint["tooltip"]["value"]


def test_hints_that_were_told_soon_are_asked_for_again_when_they_were_not_right(
    client: Client, tmp_path: Path
) -> None:
    workspace = {**FULL["workspace"], "inlayHint": {"refreshSupport": True}}
    client.initialize(tmp_path, {**FULL, "workspace": workspace})
    kernel = (
        "__global__ void scale(float *a) {\n  for (int i = 0; i < TIMES; i++) a[threadIdx.x] *= 2.0f;\n}\n"
    )
    text = f"#define TIMES %s\n{kernel}int main() {{ scale<<<8192, 256>>>(nullptr); }}\n"
    uri = client.open(tmp_path / "k.cu", text % "10")
    before = client.hints(uri)
    place = {"line": 0, "character": len("#define TIMES 10")}
    client.change(uri, 2, {"range": {"start": place, "end": place}, "text": "00"})
    assert client.hints(uri) == before  # the kernel's own text has not changed
    client.reply(client.expect("workspace/inlayHint/refresh"), None)
    settled = client.hints(uri)
    assert settled != before
    assert client.hints(client.open(tmp_path / "other.cu", text % "1000")) == settled


def test_a_half_typed_text_is_soon_read_as_by_who_opens_it(client: Client, tmp_path: Path) -> None:
    # With the brace, what is left of the tree before it makes a parser mend the text in another way.
    before, after = (
        """\
__global__ void stencil(float *in, float *out, )
{
  if (x > 0) {
    float west """,
        """= in[i - 1];
  }
  for (int tile = 0; tile < size / 16; tile++) {
    left[threadIdx.x] = a[row * size];
    right[threadIdx.x] = b[(tile * 16 + threadIdx.y)];
    __syncthreads();
  }
}
}
""",
    )
    workspace = {**FULL["workspace"], "inlayHint": {"refreshSupport": True}}
    client.initialize(tmp_path, {**FULL, "workspace": workspace})
    uri = client.open(tmp_path / "k.cu", before + after)
    client.hints(uri)
    place = {"line": 3, "character": len("    float west ")}
    client.change(uri, 2, {"range": {"start": place, "end": place}, "text": "{"})
    told = client.hints(uri)
    client.reply(client.expect("workspace/inlayHint/refresh"), None)
    settled = client.hints(uri)
    assert settled != told
    assert client.hints(client.open(tmp_path / "other.cu", before + "{" + after)) == settled
