"""What the documents tell people to type can be typed: it is run here, or by the test that is named."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from jouleline import wiring
from jouleline.app.candidates import candidate_by
from jouleline.app.workload import read_workload
from jouleline.cli import main as command_line
from jouleline.core.candidate import patch
from tests.support.documents import DOCUMENTS, ROOT, Command, anchors, commands, files, known_in, links, read

SAMPLE: Final = "samples/jacobi-cuda"
PACKAGE: Final = "server/jouleline"

# What stands for something in a document, and what is given for it. The first that fits counts.
MEANT: Final = {
    r"\[([^\]]*)\]": r"\1",
    r"PATH\.\.\.\|RUN": SAMPLE,
    r"\bPATH(\.\.\.)?(?=\s|$)": SAMPLE,
    r"ID,ID\.\.\.": "a100,h200",
    r"\bID\b": "h200",
    r"\bSTRING\b": "'2048 10'",
    r"\b(PROGRAM|FOLDER|BASELINE(_DIR)?|samples/NAME)\b": "samples/dot-omp",
    r"\b(CANDIDATE(_DIR)?|my-dot-omp)\b": "samples/dot-omp",
    r"\bNAME\b": "name",
    r"\b(FILE|RUN)\b": "file",
    r"\bDIR\b": "out",
    r"\b(N|PORT)\b": "3",
}

# Commands that need what is not here (a GPU, a model, another machine, minutes): their words are parsed here,
# and that test runs them. The first that fits counts.
ELSEWHERE: Final = {
    r"(doctor|measure|verify|refactor) .*--target .*--resume": (
        "tests/cli/test_target.py",
        "test_a_search_that_lost_its_machine_goes_on_without_paying_twice",
    ),
    r"doctor --target": (
        "tests/cli/test_target.py",
        "test_the_doctor_tells_what_is_there",
    ),
    r"measure .*--target": (
        "tests/cli/test_target.py",
        "test_a_comparison_is_recorded_as_one_here",
    ),
    r"verify .*--target": (
        "tests/cli/test_target.py",
        "test_a_verdict_is_the_same_everywhere",
    ),
    r"refactor .*--(target|resume)": (
        "tests/cli/test_target.py",
        "test_a_search_that_lost_its_machine_goes_on_without_paying_twice",
    ),
    r"refactor ": (
        "tests/cli/test_verbs.py",
        "test_refactor_finds_a_candidate_and_writes_it_only_when_asked",
    ),
    r"verify ": (
        "tests/cli/test_verbs.py",
        "test_verify_accepts_the_same_program_and_rejects_another_result",
    ),
    r"measure (base|samples/dot-omp) (?!.*--control)": (
        "tests/cli/test_gate.py",
        "test_a_change_that_uses_more_energy_fails_the_job",
    ),
    r"measure .*(--replay|--record|--plot)": (
        "tests/cli/test_measure.py",
        "test_a_record_replays_to_the_same_figures_and_is_drawn",
    ),
    r"measure .*--control": (
        "tests/cli/test_measure.py",
        "test_a_record_replays_to_the_same_figures_and_is_drawn",
    ),
    r"measure ": (
        "tests/cli/test_verbs.py",
        "test_measure_gives_joules_with_an_interval_and_says_they_are_modelled",
    ),
    r"bound .*--evidence model": (
        "tests/cli/test_model.py",
        "test_a_bound_by_a_model_says_so_and_costs_once",
    ),
    r"bound .*--evidence compiled": (
        "tests/app/test_compiled.py",
        "test_every_thread_that_passes_the_guard_counts",
    ),
    r"bound .*--evidence profile": (
        "tests/cli/test_bound_profile.py",
        "test_a_profile_is_collected_kept_and_read_again",
    ),
    r"bound .*--profile": (
        "tests/cli/test_bound_profile.py",
        "test_a_profile_from_a_file_decides_the_bound",
    ),
    r"study export|study fine-tune|.*--scenario fine-tuned": (
        "tests/cli/test_model.py",
        "test_from_labels_to_a_fine_tuned_model_and_its_score",
    ),
    r"study roofline ": (
        "tests/cli/test_study.py",
        "test_a_study_prints_scores_and_writes_a_report",
    ),
    r"study energy ": (
        "tests/app/test_energy_study.py",
        "test_a_study_makes_no_trial_twice",
    ),
    r"study measuring ": (
        "tests/cli/test_study_measuring.py",
        "test_a_study_prints_what_is_asked_and_keeps_its_document",
    ),
    r"serve": (
        "tests/lsp/test_server.py",
        "test_one_client_is_served_over_tcp",
    ),
    r"show": (
        "tests/cli/test_history.py",
        "test_a_run_is_shown_and_cannot_be_resumed_once_it_ended",
    ),
}

# What is installed from elsewhere than an index, and why nobody can try it here.
NOT_OURS: Final = {"/opt/rocm/share/amd_smi": "comes with ROCm"}
EVERY: Final = {name: list(commands(name, read(name))) for name in DOCUMENTS}


def words_of(text: str) -> list[str]:
    """The words after ``jouleline``, with something in each place that stands for something."""
    for pattern, value in MEANT.items():
        text = re.sub(pattern, value, text)
    return shlex.split(re.split(r"\s[<>|]", text)[0])[1:]


def parsed(words: list[str]) -> argparse.Namespace:
    return command_line._options(words)


def elsewhere(words: list[str]) -> tuple[str, str] | None:
    line = shlex.join(words) + " "
    return next((test for pattern, test in ELSEWHERE.items() if re.match(pattern, line)), None)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader is: beside the samples, with a program in `src` and a home of their own."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    (tmp_path / "src").symlink_to(ROOT / SAMPLE)
    for name, folder in (("HOME", "home"), ("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_files(document: str, place: Path) -> None:
    """Write what a document has its reader write: blocks that begin with a file's name in a comment."""
    for name, text in files(read(document)):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text, "utf-8")


@pytest.mark.parametrize(
    "document", [name for name in DOCUMENTS if any(c.program == "jouleline" for c in EVERY[name])]
)
def test_a_document_s_commands_do_what_it_says(
    document: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(document, place)
    ran: set[str] = set()
    for command in (one for one in EVERY[document] if one.program == "jouleline"):
        words = words_of(command.text)
        if (line := shlex.join(words)) in ran:
            continue
        ran.add(line)
        if words == ["--version"] or (command.mention and is_a_name(words)):
            with pytest.raises(SystemExit) as ended:
                command_line.main([*words, *([] if words == ["--version"] else ["--help"])])
            assert ended.value.code == 0, command
        elif test := elsewhere(words):
            try:
                parsed(words)
            except SystemExit:
                # A sentence may leave out what its page is about.
                assert command.mention, command
                parsed([*words, "samples/dot-omp"])
            path, name = test
            assert name in known_in(path), test
        else:
            assert command_line.main(words) == 0, command
            said = capsys.readouterr().out
            if redirected := re.search(r"\s>\s+(\S+)", command.text):
                (place / redirected[1]).write_text(said, "utf-8")
            check_shown(command, said)


def is_a_name(words: list[str]) -> bool:
    """Whether a verb is only spoken of: nothing is given to it."""
    return all(re.fullmatch(r"[a-z]+(-[a-z]+)*", word) for word in words)


def check_shown(command: Command, said: str) -> None:
    """That what a document shows is what is said, but for the lines that it leaves out."""
    left = [line.rstrip() for line in said.splitlines()]
    for line in (one.rstrip() for one in command.shown or ()):
        if line.strip() in ("", "..."):
            continue
        assert line in left, f"{command.document} shows what `{command.text}` does not say: {line}"
        left = left[left.index(line) + 1 :]


def test_every_verb_that_there_is_stands_in_the_readme() -> None:
    told = {words_of(one.text)[0] for one in EVERY["README.md"] if one.program == "jouleline"}
    assert command_line.VERBS.keys() - told == set()


def test_every_make_command_can_be_made() -> None:
    targets = {
        word
        for name in DOCUMENTS
        for one in EVERY[name]
        if one.program == "make"
        for word in one.text.split()[1:]
    }
    targets -= {"-n"}  # what Jouleline asks a program's Makefile
    assert {"demo", "test", "package"} <= targets
    done = subprocess.run(
        ["make", "--dry-run", *sorted(targets - {"make"})],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_to_be_installed_is_ours_with_extras_that_there_are() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = [one for name in DOCUMENTS for one in EVERY[name] if one.program in ("pip", "uvx")]
    assert found
    for one in found:
        wanted = [
            word for word in shlex.split(one.text)[1:] if word != "install" and not word.startswith("-")
        ]
        if not wanted:
            continue  # a sentence speaks of it
        if wanted[0] in (".", *NOT_OURS):
            wanted = wanted[1:]
        if one.program == "uvx":
            wanted = wanted[:1]  # what follows is for the program
        for word in wanted:
            match = re.fullmatch(r"(?:dist/)?([a-z]+)(?:-[\w.*-]+\.whl)?(?:\[([\w,]+)\])?", word)
            assert match, one
            assert match[1] == project["name"], one
            assert set((match[2] or "").split(",")) - {""} <= project["optional-dependencies"].keys(), one


def test_what_node_and_python_are_to_run_is_there() -> None:
    scripts = json.loads(read("vscode-client/package.json"))["scripts"].keys() | {"ci", "test"}
    for one in (one for name in DOCUMENTS for one in EVERY[name]):
        words = one.text.split()
        if one.program == "npm":
            assert (words[2] if words[1] == "run" else words[1]) in scripts, one
        if one.program.startswith("python") and words[1] == "-m":
            assert find_spec(words[2]), one


@pytest.mark.needs("g++")
def test_the_first_program_runs_and_is_refactored_as_its_page_shows(place: Path) -> None:
    write_files("docs/getting-started.md", place)
    workload = read_workload(place / "dot" / "jouleline.toml")
    for command in (
        workload.build,
        *(workload.run_command(each) for each in (workload.args, *workload.check_args)),
    ):
        subprocess.run(command, shell=True, cwd=place / "dot", check=True, capture_output=True)  # noqa: S602 - as in the file
    text = {"main.cpp": (place / "dot" / "main.cpp").read_bytes()}
    rules = [rule for rule in wiring.rules() if rule.name == "reduction-clause"]
    candidate = candidate_by("sum", rules, text, ["main.cpp"])
    assert candidate is not None
    [shown] = re.findall(r"```diff\n(.*?)```", read("docs/getting-started.md"), re.DOTALL)
    assert shown in patch(text, candidate.files)


def test_what_is_to_be_copied_or_named_is_there() -> None:
    named = set(re.findall(r"`([\w./-]+/[\w./-]*)`", read("docs/adding.md")))
    assert len(named) > 40
    assert {one for one in named if not any((ROOT / root / one).exists() for root in (".", PACKAGE))} == set()


def test_every_page_stands_in_the_index() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages - set(links(read("docs/README.md"))) == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    text = read(document)
    for link in links(text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / document).parent / name if name else ROOT / document
        assert target.exists(), f"{document} links to {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.read_text("utf-8")), f"{document} links to {link}"


def test_commands_are_found_wherever_they_stand() -> None:
    text = (
        "Say `jouleline doctor` or\n`make\ntest`, not `jouleline`.\n\n"
        "    pip install 'jouleline[cuda]'  # NVIDIA's\n\n"
        "```console\n$ jouleline bound a \\\n    --gpu h200\nout\n"
        "$ cd x && ~/.jouleline/bin/pip install .\n```\n"
        "```toml\nbuild = 1\nmake x\n```\n"
    )
    assert list(commands("x.md", text)) == [
        Command("x.md", "jouleline bound a --gpu h200", shown=("out",)),
        Command("x.md", "pip install .", shown=()),
        Command("x.md", "pip install 'jouleline[cuda]'"),
        Command("x.md", "jouleline doctor", mention=True),
        Command("x.md", "make test", mention=True),
    ]


def test_what_nobody_can_type_is_noticed() -> None:
    with pytest.raises(SystemExit):
        parsed(words_of("jouleline measure PROGRAM --no-such-option"))
    assert elsewhere(words_of("jouleline newverb PROGRAM")) is None
    with pytest.raises(AssertionError, match="does not say"):
        check_shown(Command("x.md", "jouleline bound a", shown=("other",)), "one\n")
