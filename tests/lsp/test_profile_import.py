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
    assert answer["problems"] == ["other was not launched in the profiled run (profile.csv)"]
    assert answer["message"] == f"1 kernel has measured counts now; {answer['problems'][0]}."
    assert client.expect("window/logMessage")["params"]["message"] == answer["problems"][0]
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


def test_metrics_that_are_missing_are_named_in_short_and_in_full_in_the_log(
    client: Client, tmp_path: Path
) -> None:
    file, profile = tmp_path / "main.cu", tmp_path / "profile.csv"
    file.write_text(SOURCE)
    all_metrics = tuple(Launched("other").metrics())
    profile.write_text(ncu_csv([Launched("other", without=all_metrics[:-1])]))
    client.initialize(tmp_path)
    uri = client.open(file)
    with pytest.raises(ServerError) as refused:
        client.execute("jouleline.importProfile", {"uri": uri, "files": [str(profile)]})
    assert refused.value.message == (
        "profile.csv: nothing in it can be used: other lacks 9 metrics that are needed: "
        "smsp__sass_thread_inst_executed_op_fadd_pred_on.sum, "
        "smsp__sass_thread_inst_executed_op_fmul_pred_on.sum, ..."
    )
    logged = client.expect("window/logMessage")["params"]["message"]
    assert "dram__bytes_write.sum: collect with `ncu --csv" in logged


def test_kernels_that_were_not_launched_are_named_once_and_the_file_by_its_name(
    client: Client, tmp_path: Path
) -> None:
    file, profile = tmp_path / "main.cu", tmp_path / "profile.csv"
    more = [f"__global__ void k{number}(float *x) {{ x[threadIdx.x] += {number}; }}" for number in range(6)]
    file.write_text("\n".join([SOURCE, *more]))
    profile.write_text(ncu_csv([Launched("other")]))
    client.initialize(tmp_path)
    uri = client.open(file)
    answer = client.execute("jouleline.importProfile", {"uri": uri, "files": [str(profile)]})
    assert answer["message"] == (
        "1 kernel has measured counts now; "
        "scale, k0, k1, k2, k3 and 2 more were not launched in the profiled run (profile.csv)."
    )
    client.expect("window/logMessage")
