"""Counts of a profiler in place of estimates, as an editor's user imports them."""

from pathlib import Path

import pytest

from tests.lsp.client import Client, ServerError
from tests.support.profiles import Launched, ncu_csv

SOURCE = """template <typename T> __global__ void scale(T *x) { x[blockIdx.x * 256 + threadIdx.x] *= 3; }
__global__ void other(float *x) { x[threadIdx.x] += 1; }
int main() { scale<<<4096, 256>>>((double *)x); scale<<<4096, 256>>>((float *)x); other<<<1, 32>>>(x); }
"""


def test_an_imported_profile_is_what_is_told_from_then_on(client: Client, tmp_path: Path) -> None:
    file, profile = tmp_path / "main.cu", tmp_path / "profile.csv"
    file.write_text(SOURCE)
    measured = Launched(
        "void scale<double>(T1 *)",
        dp=1048576,
        integer=7340032,
        dram_bytes=16_700_000,
        time_ns=21_000,
        grid=(4096, 1, 1),
    )
    profile.write_text(ncu_csv([measured]))
    client.initialize(tmp_path)
    uri = client.open(file)
    before = client.hover(uri, 0, 39)
    assert before is not None
    assert "evidence: source" in before
    answer = client.execute("jouleline.importProfile", {"uri": uri, "files": [str(profile)]})
    assert answer["kernels"] == 1
    assert answer["problems"] == [f"other was not launched in the profiled run ({profile})"]
    assert answer["message"] == f"1 kernel has measured counts now; {answer['problems'][0]}."
    after = client.hover(uri, 0, 39)
    assert after is not None
    assert "measured by ncu in a launch of 21 µs" in after
    assert "| DRAM traffic | 16.7 MB |" in after
    other = client.hover(uri, 1, 17)
    assert other is not None
    assert "evidence: source" in other
    # It holds while the kernel's own text does.
    client.change(uri, 2, {"text": f"\n{SOURCE}// more\n"})
    moved = client.hover(uri, 1, 39)
    assert moved is not None
    assert "measured by ncu in a launch of 21 µs" in moved
    client.change(uri, 3, {"text": SOURCE.replace("*= 3", "*= 5")})
    edited = client.hover(uri, 0, 39)
    assert edited is not None
    assert "evidence: source" in edited


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["nothing.csv"], "nothing.csv: cannot be read: No such file or directory"),
        (["main.cu"], "main.cu: is no CSV of"),
        (["."], "is no file; a profile is a CSV file"),
        (["\0"], "cannot be read: embedded null byte"),
        ([], 'takes one argument: {"uri"'),
        ("profile.csv", 'takes one argument: {"uri"'),
    ],
)
def test_what_is_no_profile_is_said_in_a_sentence(
    client: Client, tmp_path: Path, files: list[str] | str, said: str
) -> None:
    file = tmp_path / "main.cu"
    file.write_text(SOURCE)
    client.initialize(tmp_path)
    uri = client.open(file)
    named = files if isinstance(files, str) else [str(tmp_path / name) for name in files]
    with pytest.raises(ServerError, match=said):
        client.execute("jouleline.importProfile", {"uri": uri, "files": named})
