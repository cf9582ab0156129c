import re
from pathlib import Path

import pytest

from tests.lsp.client import Client, ServerError
from tests.lsp.test_diagnostics import PUSHED, pushed, taking

KERNEL = """\
__global__ void cube(double *x, int n) {
    for (int i = 0; i < 40; i++) x[threadIdx.x] += x[threadIdx.x] * i;
}
int main() { cube<<<4096, 256>>>(0, 9); }
"""


def test_what_if_answers_with_a_table_for_each_kernel(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path)
    uri = client.open(tmp_path / "k.cu", KERNEL)
    answer = client.execute("jouleline.whatIf", {"uri": uri, "gpus": ["h200", "rtx-4090", "h200"]})
    assert answer["document"]["schema"] == "jouleline/what-if/1"
    assert [device["id"] for device in answer["document"]["devices"]] == ["h200", "rtx-4090"]
    page = answer["markdown"]
    assert "## `cube`, k.cu:1" in page
    assert page.count("\n| NVIDIA ") == 2
    assert "Estimates from the source: nothing was compiled or run." in page


def test_what_if_compares_the_chosen_gpu_with_others_and_what_is_typed(
    client: Client, tmp_path: Path
) -> None:
    client.initialize(tmp_path, options={"gpu": "rtx-3080"})
    uri = client.open(tmp_path / "k.cu", KERNEL)
    client.change(uri, 2, {"text": KERNEL.replace("cube", "typed")})
    answer = client.execute("jouleline.whatIf", {"uri": uri})
    assert answer["document"]["devices"][0]["id"] == "rtx-3080"
    assert len(answer["document"]["devices"]) > 5
    assert "## `typed`, k.cu:1" in answer["markdown"]


def test_a_report_has_the_bounds_and_all_behind_them(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path)
    uri = client.open(tmp_path / "k.cu", KERNEL)
    page = client.execute("jouleline.report", {"uri": uri})["markdown"]
    assert page.startswith("# k.cu on NVIDIA A100 SXM4 40 GB\n\n| line | kernel | bound |")
    assert "## Line 1: `cube(double*, int)`" in page.replace("double *", "double*")
    assert "| DRAM traffic |" in page


def test_what_is_not_known_of_a_kernel_is_left_empty(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path)
    uri = client.open(tmp_path / "k.cu", "__global__ void todo(float *x) {\n}\n")
    page = client.execute("jouleline.report", {"uri": uri})["markdown"]
    assert "| bound unknown | | | |\n" in page
    (lens,) = client.lenses(uri)
    assert lens["command"]["title"] == "bound unknown · Refactor for energy"


def test_a_smell_stands_in_the_report_as_it_does_among_the_problems(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path, taking(PUSHED))
    uri = client.open(
        tmp_path / "k.cu",
        "__global__ void pick(const float *x, float *y) {\n"
        "    int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
        "    y[i] = x[8 * i];\n"
        "}\n"
        "int main() { pick<<<65536, 256>>>(0, 0); }\n",
    )
    pushed(client)
    page = client.execute("jouleline.report", {"uri": uri})["markdown"]
    assert re.search(r"- line 3, `uncoalesced-access`: \d+% of this kernel's DRAM traffic is x, with", page)
    assert "\\" not in page


def test_what_if_says_when_its_kernels_are_those_of_other_files(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path)
    (tmp_path / "k.cu").write_text(KERNEL)
    alone = client.open(tmp_path / "k.cu", KERNEL)
    page = client.execute("jouleline.whatIf", {"uri": alone, "gpus": ["h200"]})["markdown"]
    assert page.startswith("# k.cu on other GPUs\n\nThe chosen GPU is NVIDIA A100 SXM4 40 GB.")
    uri = client.open(tmp_path / "lib.cu", "int twice(int n) { return 2 * n; }\n")
    page = client.execute("jouleline.whatIf", {"uri": uri, "gpus": ["h200"]})["markdown"]
    assert page.startswith("# The program of lib.cu on other GPUs\n\n")
    assert "These are the kernels of the whole program, in k.cu." in page


def test_a_file_without_kernels_has_a_page_too(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path)
    uri = client.open(tmp_path / "k.cu", "int main() {}\n")
    assert "No kernel found." in client.execute("jouleline.report", {"uri": uri})["markdown"]
    assert "No kernel found." in client.execute("jouleline.whatIf", {"uri": uri})["markdown"]


@pytest.mark.parametrize("command", ["jouleline.whatIf", "jouleline.report"])
def test_what_cannot_be_told_is_refused_in_a_sentence(client: Client, tmp_path: Path, command: str) -> None:
    client.initialize(tmp_path)
    with pytest.raises(ServerError, match="takes one argument"):
        client.execute(command)
    with pytest.raises(ServerError, match="is not open as a source; open it first"):
        client.execute(command, {"uri": "file:///nowhere.cu"})


def test_gpus_that_are_not_known_are_named(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path)
    uri = client.open(tmp_path / "k.cu", KERNEL)
    with pytest.raises(ServerError, match='unknown GPU "h20": did you mean'):
        client.execute("jouleline.whatIf", {"uri": uri, "gpus": ["h20"]})
    with pytest.raises(ServerError, match='"gpus" must be a list of device ids'):
        client.execute("jouleline.whatIf", {"uri": uri, "gpus": "h200"})
