"""Fine-tuning data: splits share no base program and no kernel, and the answers are the labels."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.app.examples import example_counts
from jouleline.app.labels import read_labels
from jouleline.app.question import Example, Question
from jouleline.app.training_data import Labelled, Split, balanced, collect, json_lines, split_of, splits
from jouleline.app.training_export import Plan, TrainingDataError, export, read_split
from jouleline.core.folds import base_program, fold_of
from jouleline.core.kernel import Language
from jouleline.core.roofline import BoundKind
from jouleline.wiring import catalogue

PAPER = catalogue().get("rtx-3080-paper")
HEADER = (
    "program,kernel_display,language,label,driver,file,line_start,line_end,"
    "dram_bytes,sp_flop,dp_flop,intop,exe_args"
)
NAMES = st.builds("{}-{}".format, st.sampled_from("abcdefghijkl"), st.sampled_from(["cuda", "omp", "hip"]))


def labelled(row: int, program: str, text: str, kind: BoundKind) -> Labelled:
    operations = 1e9 if kind is BoundKind.COMPUTE else 1.0
    counts = example_counts({"sp": 0, "dp": operations, "int": 0, "dram_bytes": 1e6})
    example = Example(Question(program, "k", "CUDA", "", "", text), counts)
    language = Language.CUDA if program.endswith("cuda") else Language.OPENMP
    return Labelled(row, program, base_program(program), language, kind, text, example)


EXAMPLES = st.lists(st.tuples(NAMES, st.sampled_from("uvwxyz"), st.sampled_from(BoundKind)), max_size=40).map(
    lambda rows: [labelled(row, *one) for row, one in enumerate(rows)]
)


@given(EXAMPLES, st.integers(3, 12), st.integers(0, 11), st.integers(0, 5))
def test_no_base_program_and_no_kernel_is_in_two_splits(
    examples: list[Labelled], folds: int, tested: int, seed: int
) -> None:
    kept = splits(examples, folds, tested % folds, seed)
    bases = [{one.base for one in part} for part in kept.values()]
    texts = [{one.text for one in part} for part in kept.values()]
    for parts in (bases, texts):
        assert len(set().union(*parts)) == sum(map(len, parts))


@given(st.lists(NAMES, min_size=1), st.integers(3, 12), st.integers(0, 5))
def test_every_program_is_tested_in_one_fold_as_in_any_study(names: list[str], folds: int, seed: int) -> None:
    for name in names:
        roles = [split_of(name, folds, tested, seed) for tested in range(folds)]
        assert roles.count(Split.TEST) == roles.count(Split.VALIDATION) == 1
        assert roles.index(Split.TEST) == fold_of(name, folds, seed)


@given(EXAMPLES, st.integers(0, 5))
def test_balanced_takes_one_of_each_program_and_class_and_as_many_of_each_cell(
    examples: list[Labelled], seed: int
) -> None:
    chosen = balanced(examples, seed)
    assert chosen == balanced(examples, seed)
    assert max(Counter((one.program, one.kind) for one in chosen).values(), default=1) == 1
    cells = Counter((one.language, one.kind) for one in chosen)
    assert len(set(cells.values())) <= 1
    assert all(one in examples for one in chosen)


def test_a_conversation_is_one_line_that_ends_with_the_word() -> None:
    (line,) = json_lines([labelled(0, "a-cuda", "void f();", BoundKind.COMPUTE)], PAPER).splitlines()
    messages = json.loads(line)["messages"]
    assert [one["role"] for one in messages] == ["system", "user", "assistant"]
    assert messages[2]["content"] == "Compute"
    assert messages[1]["content"].endswith("Answer with one word: Compute or Bandwidth.")


KERNELS = 24


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[Path, Path]:
    """A corpus of small programs with labels: those of even number do much arithmetic in double."""
    rows = []
    folder = tmp_path / "src"
    for number in range(KERNELS):
        compute = number % 2 == 0
        for model in ("cuda", "omp"):
            program = folder / f"p{number}-{model}"
            program.mkdir(parents=True)
            if model == "cuda":
                (program / "main.cu").write_text(
                    f"__global__ void k{number}(double* a) {{ a[threadIdx.x] += {number}.0; }}\n"
                    f"int main(int argc, char** argv) {{ k{number}<<<{number + 1}, 64>>>(0); }}\n"
                )
                name, line, file = f"k{number}(double *)", 1, "main.cu"
            else:
                (program / "main.cpp").write_text(
                    f"void k{number}(double* a, int n) {{\n#pragma omp target teams distribute parallel for\n"
                    f"for (int i = 0; i < n; i++) a[i] += {number}.0;\n}}\n"
                    f"int main() {{ k{number}(0, 9); }}\n"
                )
                name, line, file = f"k{number} @line 2", 2, "main.cpp"
            dp = 1e9 if compute else 1e3
            label = "Compute" if compute else "Bandwidth"
            language = "CUDA" if model == "cuda" else "OMP"
            rows.append(
                f'{program.name},"{name}",{language},{label},{"dp" if compute else ""},{program.name}/{file},'
                f"{line},{line},1000000,0,{dp},0,10"
            )
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "\n".join([HEADER, *rows, "gone-cuda,k(),CUDA,Compute,dp,gone-cuda/m.cu,1,1,1,0,9,0,"]) + "\n"
    )
    return labels, folder


def test_an_export_holds_every_kernel_once_with_its_label(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    labels, folder = corpus
    collected = collect(read_labels(labels, PAPER), folder, PAPER)
    assert dict(collected.left_out) == {"the program is not in the corpus": 1}
    out = tmp_path / "out"
    manifest = export(collected, labels, PAPER, Plan(), out)
    (entry,) = manifest["splits"]
    assert sum(entry[str(split)]["conversations"] for split in Split) == 2 * KERNELS
    for split in Split:
        lines = read_split(out, split).splitlines()
        assert len(lines) == entry[str(split)]["conversations"] > 0
        for line in lines:
            question, answer = (one["content"] for one in json.loads(line)["messages"][1:])
            number = int(question.split("# Kernel: k")[1].split("(")[0].split(" ")[0])
            assert answer == ("Bandwidth" if number % 2 else "Compute")
            assert "1000000" not in question, "what was measured is no part of a question"


def test_the_test_labels_are_those_of_the_test_split(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    labels, folder = corpus
    out = tmp_path / "out"
    manifest = export(collect(read_labels(labels, PAPER), folder, PAPER), labels, PAPER, Plan(3), out)
    for entry in manifest["splits"]:
        with (out / entry["folder"] / "test-labels.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {base_program(row["program"]) for row in rows} == set(entry["test"]["base_programs"])
        assert len(rows) == entry["test"]["conversations"]
    tested = [base for entry in manifest["splits"] for base in entry["test"]["base_programs"]]
    assert len(tested) == len(set(tested)) == KERNELS


def test_a_balanced_export_is_balanced(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    labels, folder = corpus
    collected = collect(read_labels(labels, PAPER), folder, PAPER)
    manifest = export(collected, labels, PAPER, Plan(3, balance=True), tmp_path / "out")
    for entry in manifest["splits"]:
        for split in Split:
            assert entry[str(split)]["compute"] == entry[str(split)]["bandwidth"] > 0
            assert len(set(entry[str(split)]["languages"].values())) == 1


def test_a_split_without_kernels_is_an_error_and_not_an_empty_file(
    corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    labels, folder = corpus
    collected = collect(read_labels(labels, PAPER)[:2], folder, PAPER)
    with pytest.raises(TrainingDataError, match=r"no kernel is left for \w+ in fold 0"):
        export(collected, labels, PAPER, Plan(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_changed_data_and_a_folder_without_any_are_refused(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    labels, folder = corpus
    out = tmp_path / "out"
    with pytest.raises(TrainingDataError, match=r"has no manifest\.json; write training data with"):
        read_split(out, Split.TRAIN)
    export(collect(read_labels(labels, PAPER), folder, PAPER), labels, PAPER, Plan(3), out)
    with pytest.raises(TrainingDataError, match=r"name one of its folds, such as .*fold-0"):
        read_split(out, Split.TRAIN)
    assert read_split(out / "fold-1", Split.TRAIN)
    (out / "fold-1" / "train.jsonl").write_text("{}\n")
    with pytest.raises(TrainingDataError, match=r"train\.jsonl: is not what manifest\.json describes"):
        read_split(out / "fold-1", Split.TRAIN)
    (out / "manifest.json").write_text("[]")
    with pytest.raises(TrainingDataError, match="is no manifest of"):
        read_split(out / "fold-1", Split.TRAIN)
