import base64
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from jouleline.lsp.plain_text import plain
from tests.lsp.client import FULL, Client


def test_a_hover_tells_the_bound_the_counts_and_where_they_come_from(client: Client, samples: Path) -> None:
    client.initialize(samples)
    uri = client.open(samples / "matmul-cuda" / "main.cu")
    line = next(
        number
        for number, text in enumerate((samples / "matmul-cuda" / "main.cu").read_text("utf-8").splitlines())
        if "__global__" in text
    )
    column = (samples / "matmul-cuda" / "main.cu").read_text("utf-8").splitlines()[line].index("(") - 1
    shown = client.hover(uri, line, column)
    assert shown is not None
    assert re.match(
        r"\*\*(compute-bound \(\w+\)|bandwidth-bound)\??\*\* on NVIDIA A100 SXM4 40 GB, [\d.]+× \w+ the",
        shown,
    )
    for part in (
        "ridge point",
        "| sp (fp32) |",
        "| DRAM traffic |",
        "| array | DRAM traffic | coalescing |",
        "**To try**",
        "Launch of `matmul(",
        "Run line: `",
        "**Assumed**",
        "DRAM bandwidth: 1.55 TB/s (verified: ",
        "evidence: source (counted in the program's text; nothing was compiled or run)",
    ):
        assert part in shown


@pytest.mark.parametrize(
    ("line", "word"),
    [(7, "jacobi_step"), (54, "jacobi_step")],
)
def test_a_kernels_name_and_its_launch_can_be_hovered(
    client: Client, samples: Path, line: int, word: str
) -> None:
    path = samples / "jacobi-cuda" / "main.cu"
    client.initialize(samples)
    uri = client.open(path)
    column = path.read_text("utf-8").splitlines()[line].index(word)
    for place in (column, column + len(word)):
        shown = client.hover(uri, line, place)
        assert shown is not None
        assert "jacobi_step" in shown
    assert client.hover(uri, line, 0) is None


def test_a_directive_can_be_hovered_anywhere(client: Client, samples: Path) -> None:
    path = samples / "jacobi-omp" / "main.cpp"
    client.initialize(samples)
    uri = client.open(path, language="cpp")
    line = path.read_text("utf-8").splitlines().index("#pragma omp parallel for")
    for column in (0, 9, 20):
        shown = client.hover(uri, line, column)
        assert shown is not None
        assert "this region runs on the host" in shown
    assert client.hover(uri, line + 1, 4) is None


def test_a_kernel_launched_in_several_ways_lists_them(client: Client, tmp_path: Path) -> None:
    client.initialize()
    uri = client.open(
        tmp_path / "k.cu",
        "__global__ void k(float *a) { a[threadIdx.x] *= 2.0f; }\n"
        "int main() {\n  k<<<64, 32>>>(0);\n  k<<<128, 256>>>(0);\n  k<<<64, 32>>>(0);\n}\n",
    )
    shown = client.hover(uri, 0, 16)
    assert shown is not None
    assert "**Launched in 2 ways**" in shown
    assert "- line 3, grid 64, block 32" in shown
    assert "- line 4, grid 128, block 256" in shown
    at_launch = client.hover(uri, 3, 2)
    assert at_launch is not None
    assert "Launch of `k(float*)`: grid 128, block" in at_launch
    assert "ways" not in at_launch


def test_a_hover_says_which_array_costs_most(client: Client, tmp_path: Path) -> None:
    client.initialize()
    uri = client.open(
        tmp_path / "k.cu",
        "__global__ void pick(const float *x, float *y) {\n"
        "    int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
        "    y[i] = x[8 * i];\n"
        "}\n"
        "int main() { pick<<<65536, 256>>>(0, 0); }\n",
    )
    shown = client.hover(uri, 0, 17)
    assert shown is not None
    assert "Most of the traffic is `x`: 537 MB, 12% of each sector used by one access of a warp." in shown


PICTURE = "![The kernel under the device's roofs](data:image/svg+xml;base64,"


@pytest.mark.parametrize(
    ("editor", "setting", "shown"),
    [
        ("Visual Studio Code", "auto", True),
        ("Visual Studio Code", "off", False),
        ("code-server", "auto", True),
        ("Neovim", "auto", False),
        ("Neovim", "on", True),
        ("", "auto", False),
    ],
)
def test_a_picture_is_for_editors_that_draw_it(
    client: Client, samples: Path, editor: str, setting: str, *, shown: bool
) -> None:
    client.initialize(samples, options={"hover": {"picture": setting}}, editor=editor)
    uri = client.open(samples / "jacobi-cuda" / "main.cu")
    page = client.hover(uri, 7, 18)
    assert page is not None
    assert (PICTURE in page) is shown
    if shown:
        places = [
            page.index(part) for part in ("of the traffic is", "**To try**", PICTURE, "| DRAM traffic |")
        ]
        assert places == sorted(places)
        data = page.partition(PICTURE)[2].partition(")")[0]
        assert ET.fromstring(base64.b64decode(data)).tag.endswith("svg")  # noqa: S314 - the server's own


def test_plain_text_has_no_picture(client: Client, samples: Path) -> None:
    text_document = {**FULL["textDocument"], "hover": {"contentFormat": ["plaintext"]}}
    client.initialize(
        samples, {**FULL, "textDocument": text_document}, {"hover": {"picture": "on"}}, "Visual Studio Code"
    )
    page = client.hover(client.open(samples / "jacobi-cuda" / "main.cu"), 7, 18)
    assert page is not None
    assert PICTURE not in page


def test_a_client_without_markdown_gets_plain_text(client: Client, samples: Path) -> None:
    text_document = {**FULL["textDocument"], "hover": {"contentFormat": ["plaintext"]}}
    client.initialize(samples, {**FULL, "textDocument": text_document})
    uri = client.open(samples / "jacobi-cuda" / "main.cu")
    found = client.request(
        "textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 7, "character": 18}}
    )
    assert found["contents"]["kind"] == "plaintext"
    shown = found["contents"]["value"]
    assert shown.startswith("bandwidth-bound on ")
    assert not any(mark in shown for mark in ("**", "`", "|"))
    assert "DRAM traffic" in shown
    # Emacs shows the end of what is too wide for its echo area, not the bound.
    assert max(map(len, shown.splitlines())) < 80
    assert found["range"] == {
        "start": {"line": 7, "character": 16},
        "end": {"line": 7, "character": 27},
    }


def test_a_hover_says_what_to_try(client: Client, tmp_path: Path) -> None:
    strided = "__global__ void strided(float *x) { x[threadIdx.x * 64] += x[threadIdx.x * 64 + 1]; }\n"
    dense = "__global__ void plain(double *y) { y[blockIdx.x * 256 + threadIdx.x] *= 2; }\n"
    file = tmp_path / "main.cu"
    file.write_text(f"{strided}{dense}int main() {{ strided<<<4096, 256>>>(x); plain<<<4096, 256>>>(y); }}\n")
    client.initialize(tmp_path)
    uri = client.open(file)
    shown = client.hover(uri, 0, 17)
    assert shown is not None
    assert re.search(r"\*\*To try\*\*\n\n- \d+% of this kernel's DRAM traffic is x, with", shown)
    assert "let neighbouring threads access neighbouring elements" in shown
    shown = client.hover(uri, 1, 17)
    assert shown is not None
    assert "**To try**\n\n- Move fewer bytes: " in shown


def test_plain_text_keeps_what_stands_in_code() -> None:
    page = "**bandwidth-bound** · `other(float **a, int)`\n\n| `a \\| b` | 2 |\n|:--|--:|"
    assert plain(page) == "bandwidth-bound · other(float **a, int)\n\na | b  2"
