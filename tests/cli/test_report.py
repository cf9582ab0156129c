"""``jouleline report``: one page that needs nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest

from jouleline.app.journal import EVENTS_FILE, Journal
from jouleline.app.record import RESULT_FILE
from tests.cli.command import SAMPLES, jouleline, kept, records_of

RECORD = Path(__file__).parents[2] / "vscode-client" / "test" / "records" / "improved" / "result.json"

_VOID = frozenset(("meta", "link", "br", "img", "path", "circle", "use", "line", "rect"))


class Outline(HTMLParser):
    """The tags of a page, which must be closed in order, its headings and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.loads: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value for key, value in attrs if key in ("src", "href") and value]
        if tag not in _VOID:
            self.open.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings[-1] += data


def test_a_programs_page_shows_each_kernel_what_it_follows_from_and_the_devices_sources(
    tmp_path: Path,
) -> None:
    page = tmp_path / "page.html"
    said = jouleline("report", SAMPLES / "jacobi-cuda", "--gpu", "rtx-3080", "--output", page, home=tmp_path)
    assert (said.code, said.err) == (0, "")
    assert str(page) in said.out.replace("\n", "")
    text = page.read_text("utf-8")
    outline = Outline(text)
    assert outline.headings[0] == "Bounds of jacobi-cuda on NVIDIA GeForce RTX 3080 10 GB"
    assert outline.headings[1:3] == ["Kernels", "Where energy is wasted"]
    assert any(heading.startswith("1. ") for heading in outline.headings)
    assert outline.loads == []
    assert "://" not in re.sub(r"xmlns(:\w+)?=\"[^\"]*\"", "", text.split("<h2>Device</h2>")[0])
    assert "single-precision" in text


def test_it_goes_to_standard_output_when_asked_and_escapes_what_a_program_says(tmp_path: Path) -> None:
    program = tmp_path / "a.cu"
    program.write_text(
        "template <int N> __global__ void k(float *a) { a[N] = 1.0f; }\nint main() { k<4><<<1, 1>>>(0); }"
    )
    said = jouleline("report", program, "--output", "-", "--args", "<script>", home=tmp_path)
    assert said.code == 0
    Outline(said.out)
    assert "k&lt;4&gt;" in said.out
    assert "<script" not in said.out


def test_a_runs_page_says_why_a_candidate_is_inconclusive(tmp_path: Path) -> None:
    done = kept(records_of(tmp_path), "20260101-done", ended=True)
    result = json.loads(RECORD.read_text("utf-8"))
    why = "the budget ended it after 4 blocks, before the first look at 5"
    for attempt in result["attempts"]:
        attempt["energy"] |= {"verdict": "inconclusive", "reason": why}
    (done / RESULT_FILE).write_text(json.dumps({**result, "energy": None}), "utf-8")
    said = jouleline("report", "--output", "-", home=tmp_path)
    assert said.err == ""
    assert f"inconclusive: {why}" in said.out


def test_what_is_neither_program_nor_run_is_said_in_a_sentence(tmp_path: Path) -> None:
    said = jouleline("report", "nowhere", home=tmp_path)
    assert said.code == 2
    assert "no run called 'nowhere'" in said.err
    assert "no path of a program either" in said.err
    said = jouleline("report", SAMPLES / "jacobi-cuda", "-o", tmp_path, home=tmp_path)
    assert said.code == 1
    assert "cannot be written" in said.err


def test_unnamed_it_is_the_newest_run_that_has_a_result(tmp_path: Path) -> None:
    none = jouleline("report", home=tmp_path)
    assert none.code == 2
    assert "no run has been kept yet" in none.err

    done = kept(records_of(tmp_path), "20260101-done", ended=True)
    result = json.loads(RECORD.read_text("utf-8"))
    (done / RESULT_FILE).write_text(json.dumps({**result, "energy": None}), "utf-8")
    said = jouleline("report", "--output", "-", home=tmp_path)
    assert (said.code, said.err) == (0, "")

    kept(records_of(tmp_path), "20260102-killed", ended=False)
    again = jouleline("report", "--output", "-", home=tmp_path)
    assert (again.code, again.out) == (0, said.out)
    assert again.err.startswith("this is 20260101-done; the newer run 20260102-killed did not end")

    with closing(Journal(records_of(tmp_path) / "20260102-killed" / EVENTS_FILE)):
        under_way = jouleline("report", "--output", "-", home=tmp_path)
    assert "the newer run 20260102-killed is under way" in under_way.err

    (done / RESULT_FILE).unlink()
    neither = jouleline("report", home=tmp_path)
    assert neither.code == 2
    assert "the run 20260102-killed did not end" in neither.err


@pytest.mark.needs("chromium")
def test_a_browser_shows_the_page_and_prints_it(tmp_path: Path) -> None:
    page, printed = tmp_path / "page.html", tmp_path / "page.pdf"
    jouleline("report", SAMPLES / "jacobi-cuda", "--output", page, home=tmp_path)
    # As root a browser refuses its own sandbox; the page is ours.
    browser = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}/profile",
    ]
    subprocess.run(
        [*browser, f"--print-to-pdf={printed}", page.as_uri()], check=True, capture_output=True, timeout=120
    )
    assert printed.read_bytes().startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) <= 3
