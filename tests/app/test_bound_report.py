"""The documents that tell bounds to other programs."""

import json
from typing import Any

from jouleline.app.analyse import Analysis, analyse, parse_files
from jouleline.app.bound_report import bound_json
from jouleline.app.program import Problem
from jouleline.app.sarif import bound_sarif
from jouleline.devices import load_catalogue

TEXT = b"""\
__global__ void scale(float *x, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] *= 2.0f;
}
__global__ void idle() {
}
int main(int argc, char **argv) {
    int n = atoi(argv[1]);
    scale<<<(n + 255) / 256, 256>>>(x, n);
}
"""


def analysis() -> Analysis:
    device = load_catalogue().get("rtx-3080-paper")
    return analyse(
        parse_files({"main.cu": TEXT})[0], device, ("16777216",), (Problem("x.h", 3, "is a binary file"),)
    )


# The document of docs and of other people's scripts: names and types, nothing more and nothing less.
KERNEL: dict[str, Any] = {
    "name": str,
    "display": str,
    "file": str,
    "line": int,
    "end_line": int,
    "language": str,
    "launch": {"grid": [int], "block": [int], "known": bool},
    "bound": str,
    "driver": (str, type(None)),
    "probability_compute": float,
    "margin_log2": float,
    "evidence": str,
    "operations": dict.fromkeys(("sp", "dp", "int", "special", "tensor"), float),
    "dram_bytes": float,
    "intensity": dict.fromkeys(("sp", "dp", "int"), (float, type(None))),
    "uncertainty_log2": dict.fromkeys(
        (
            *("sp", "dp", "int", "special", "tensor", "dram_bytes"),
            *("sp_per_byte", "dp_per_byte", "int_per_byte", "tensor_per_byte"),
        ),
        float,
    ),
    "arrays": [{"name": str, "dram_bytes": float, "coalescing": float}],
    "assumptions": [str],
}
DOCUMENT: dict[str, Any] = {
    "schema": str,
    "device": str,
    "args": str,
    "kernels": [KERNEL],
    "problems": [{"file": str, "line": int, "message": str}],
}


def check(value: object, shape: Any, where: str = "document") -> None:
    if isinstance(shape, dict):
        assert isinstance(value, dict), where
        assert value.keys() == shape.keys(), where
        for key, inner in shape.items():
            check(value[key], inner, f"{where}.{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list), where
        for index, item in enumerate(value):
            check(item, shape[0], f"{where}[{index}]")
    else:
        assert isinstance(value, shape), where


def test_the_json_document_has_exactly_its_schema() -> None:
    document = bound_json(analysis(), "16777216")
    check(document, DOCUMENT)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["schema"] == "jouleline/bound/1"
    assert (document["device"], document["args"]) == ("rtx-3080-paper", "16777216")
    assert document["problems"] == [{"file": "x.h", "line": 3, "message": "is a binary file"}]


def test_a_kernel_says_what_bounds_it_and_why() -> None:
    scale, idle = bound_json(analysis(), "16777216")["kernels"]
    assert (scale["name"], scale["file"], scale["line"], scale["end_line"]) == ("scale", "main.cu", 1, 4)
    assert scale["launch"] == {"grid": [65536, 1, 1], "block": [256, 1, 1], "known": True}
    assert (scale["bound"], scale["driver"], scale["evidence"]) == ("bandwidth", None, "source")
    assert scale["operations"]["sp"] == 16777200  # six digits are shown
    assert scale["assumptions"] == ["n = 16777216 from the run line"]
    assert scale["intensity"]["sp"] < 0.25
    assert idle["intensity"] == {"sp": 0, "dp": 0, "int": 0}
    assert not idle["launch"]["known"]


def test_sarif_has_the_shape_that_code_scanning_reads() -> None:
    document = bound_sarif(analysis())
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert run["tool"]["driver"]["name"] == "jouleline"
    assert [result["ruleId"] for result in run["results"]] == ["bound", "bound", "unread"]
    for result in run["results"]:
        assert result["ruleId"] in rules
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert not place["artifactLocation"]["uri"].startswith("/")
        assert 1 <= place["region"]["startLine"] <= place["region"]["endLine"]
    json.dumps(document, allow_nan=False)
