"""A language model through the command line, against a real server on loopback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import SAMPLES, Said, jouleline
from tests.support.openai_server import KEY, Double, refused, said

JACOBI = SAMPLES / "jacobi-cuda"
SETTINGS = ("JOULELINE_MODEL", "JOULELINE_MODEL_BASE_URL", "OPENAI_BASE_URL")


@pytest.fixture(autouse=True)
def _no_model_of_the_testers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


def ask(*words: object, home: Path, double: Double | None = None, **environment: str) -> Said:
    if double is not None:
        environment = {"JOULELINE_MODEL": "m", "JOULELINE_MODEL_BASE_URL": double.url, **environment}
    folders = {"XDG_CONFIG_HOME": str(home / "config"), "XDG_CACHE_HOME": str(home / "cache")}
    return jouleline(*words, home=home, timeout_s=240, **folders, **environment)


def bound(*words: object, home: Path, double: Double | None = None, **environment: str) -> Said:
    device = ("--gpu", "rtx-3080-paper", "--evidence", "model")
    return ask("bound", JACOBI, *device, *words, home=home, double=double, **environment)


def test_a_bound_by_a_model_says_so_and_costs_once(double: Double, tmp_path: Path) -> None:
    double.answer = lambda _: said("Compute 0.8")
    first = bound("--format", "json", home=tmp_path, double=double)
    (kernel,) = first.document["kernels"]
    assert (kernel["bound"], kernel["evidence"], kernel["probability_compute"]) == ("compute", "model", 0.8)
    assert kernel["dram_bytes"] > 0, "the counts stay those of the source"
    assert first.err == "asked m: 1 answer (0 from the cache), 100 tokens sent, 5 received\n"
    again = bound("--format", "json", home=tmp_path, double=double)
    assert again.document == first.document
    assert len(double.asked) == 1
    assert "1 from the cache" in again.err


def test_the_text_names_the_evidence_and_no_margin(double: Double, tmp_path: Path) -> None:
    done = bound("--shots", "2", home=tmp_path, double=double)
    assert "bandwidth-bound, no margin; a language model's opinion, 33% likely compute-bound" in done.out
    assert len(double.asked[0]["messages"]) == 6
    assert "jacobi" not in double.asked[0]["messages"][1]["content"], "no example of its base program"


def test_the_model_can_be_named_in_a_file_or_on_the_command_line(double: Double, tmp_path: Path) -> None:
    own = tmp_path / "config" / "jouleline" / "jouleline.toml"
    own.parent.mkdir(parents=True)
    own.write_text(f'[model]\nmodel = "mine"\nbase_url = "{double.url}"\nmax_tokens = 50\n')
    assert bound(home=tmp_path).code == 0
    assert bound("--model", "other", home=tmp_path).code == 0
    assert [(body["model"], body["max_tokens"]) for body in double.asked] == [("mine", 50), ("other", 50)]


def test_without_a_model_it_is_said_what_to_set(tmp_path: Path) -> None:
    done = bound(home=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("jouleline bound: no language model is configured: set model")
    assert done.err.count("\n") == 1


def test_a_program_that_would_send_the_key_away_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / "main.cu").write_text("__global__ void k() {}\n")
    (program / "jouleline.toml").write_text(
        '[workload]\nbuild = "true"\nrun = "true"\n[model]\nmodel = "m"\nbase_url = "https://evil.example/v1"\n'
    )
    done = ask("bound", program, "--evidence", "model", home=tmp_path)
    assert done.code == 2
    assert "would send your sources and your key to evil.example" in done.err


def test_an_endpoint_that_refuses_leaves_the_bounds_of_the_source(double: Double, tmp_path: Path) -> None:
    double.answer = lambda _: refused(401, f"Incorrect API key provided: {KEY}")
    done = bound("--format", "json", home=tmp_path, double=double)
    assert done.code == 0
    assert done.document["kernels"][0]["evidence"] == "source"
    (problem,) = done.document["problems"]
    assert "refuses the key (401); check the environment variable OPENAI_API_KEY" in problem["message"]
    assert KEY not in done.out + done.err


@pytest.mark.parametrize("words", [("--shots", "-1"), ("--shots", "x"), ("--samples", "0")])
def test_a_number_that_makes_no_sense_is_a_usage_error(words: tuple[str, str], tmp_path: Path) -> None:
    done = bound(*words, home=tmp_path)
    assert done.code == 2
    assert "is no whole number from" in done.err


def test_the_doctor_names_the_model_and_asks_nothing(double: Double, tmp_path: Path) -> None:
    (finding,) = (
        one
        for one in ask("doctor", "--format", "json", home=tmp_path, double=double).document["findings"]
        if one["kind"] == "model"
    )
    assert (finding["name"], finding["availability"]) == ("m", "ready")
    assert double.url in finding["detail"]
    assert (double.asked, double.keys) == ([], [])


HEADER = (
    "program,kernel_display,language,label,driver,file,line_start,line_end,"
    "dram_bytes,sp_flop,dp_flop,intop,exe_args"
)


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[Path, Path]:
    """Thirty small CUDA programs, every other one compute-bound, and their labels."""
    rows = [HEADER]
    for number in range(30):
        program = tmp_path / "src" / f"p{number}-cuda"
        program.mkdir(parents=True)
        (program / "main.cu").write_text(
            f"__global__ void k{number}(float* a) {{ a[threadIdx.x] += {number}.0f; }}\n"
            f"int main() {{ k{number}<<<1, 64>>>(0); }}\n"
        )
        label, sp = ("Compute", 1e9) if number % 2 else ("Bandwidth", 1e3)
        rows.append(
            f"p{number}-cuda,k{number}(float *),CUDA,{label},{'sp' if number % 2 else ''},"
            f"p{number}-cuda/main.cu,1,1,1000000,{sp},0,0,"
        )
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(rows) + "\n")
    return labels, tmp_path / "src"


def odd_is_compute(body: dict[str, Any]) -> Any:
    question = body["messages"][-1]["content"]
    number = int(question.split("# Kernel: k")[1].split("(")[0])
    return said("Compute" if number % 2 else "Bandwidth")


def test_from_labels_to_a_fine_tuned_model_and_its_score(
    double: Double, corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    labels, folder = corpus
    data = tmp_path / "data"
    words = ("study", "export", "--labels", labels, "--corpus", folder, "--out", data, "--format", "json")
    manifest = ask(*words, home=tmp_path).document
    assert manifest["schema"] == "jouleline/training-data/1"

    tune = ("study", "fine-tune", "--data", data, "--suffix", "bounds")
    submitted = ask(*tune, home=tmp_path, double=double)
    assert (submitted.code, submitted.out) == (
        0,
        "ftjob-1: validating_files\nask again with the same command\n",
    )
    double.statuses = ["succeeded"]
    ended = ask(*tune, "--wait", "--format", "json", home=tmp_path, double=double).document
    assert (ended["schema"], ended["state"], ended["model"]) == (
        "jouleline/fine-tune/1",
        "succeeded",
        "ft:m:bounds",
    )
    assert len(double.jobs) == 1

    own = tmp_path / "config" / "jouleline" / "jouleline.toml"
    own.parent.mkdir(parents=True)
    own.write_text(f'[model]\nmodel = "m"\nbase_url = "{double.url}"\nfine_tuned = "{ended["model"]}"\n')
    double.answer = odd_is_compute
    study = ("study", "roofline", "--labels", data / "test-labels.csv", "--corpus", folder)
    scored = ask(
        *study, "--out", tmp_path / "study", "--scenario", "fine-tuned", "--format", "json", home=tmp_path
    )
    assert scored.code == 0, scored.err
    (scenario,) = scored.document["scenarios"]
    assert scenario["scores"]["all"]["balanced_accuracy"]["value"] == 1.0
    assert {body["model"] for body in double.asked} == {"ft:m:bounds"}
    assert len(double.asked) == manifest["splits"][0]["test"]["conversations"]


def test_a_study_stops_where_the_model_is_gone_and_goes_on_when_it_is_back(
    double: Double, corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    labels, folder = corpus
    replies = iter([said("Compute")] * 12)
    double.answer = lambda _: next(replies, refused(401, "no"))
    study = ("study", "roofline", "--labels", labels, "--corpus", folder, "--out", tmp_path / "study")
    stopped = ask(*study, "--scenario", "zero-shot", home=tmp_path, double=double)
    assert stopped.code == 1
    assert "refuses the key (401)" in stopped.err.splitlines()[-1]
    double.answer = odd_is_compute
    done = ask(*study, "--scenario", "zero-shot", "--format", "json", home=tmp_path, double=double)
    (scenario,) = done.document["scenarios"]
    assert (scenario["answered"], scenario["kernels"]) == (30, 30)
    assert len(double.asked) == 12 + 1 + 18


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("study", "export", "--labels", "no.csv", "--corpus", ".", "--out", "o"), "no.csv: cannot be read"),
        (
            ("study", "export", "--labels", "x", "--corpus", "nowhere", "--out", "o"),
            "nowhere: no such folder",
        ),
        (("study", "fine-tune", "--data", "nowhere"), "has no manifest.json; write training data"),
    ],
)
def test_a_users_slip_is_one_sentence(
    words: tuple[str, ...], sentence: str, double: Double, tmp_path: Path
) -> None:
    done = ask(*words, home=tmp_path, double=double)
    assert done.code == 2
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_an_export_as_json_is_the_manifest_it_wrote(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    labels, folder = corpus
    data = tmp_path / "data"
    words = ("study", "export", "--labels", labels, "--corpus", folder, "--out", data, "--folds", "3")
    printed = ask(*words, "--format", "json", home=tmp_path).document
    assert printed == json.loads((data / "manifest.json").read_text())
    assert [entry["folder"] for entry in printed["splits"]] == ["fold-0", "fold-1", "fold-2"]
