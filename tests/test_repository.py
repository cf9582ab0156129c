"""What a stranger relies on: the lock installs anywhere, the README's commands exist, versions agree."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import jouleline

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirement_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def direct_requirements() -> set[str]:
    table = project()
    declared = [
        *table["build-system"]["requires"],
        *table["project"]["dependencies"],
        *(name for extra in table["project"]["optional-dependencies"].values() for name in extra),
        *(name for group in table["dependency-groups"].values() for name in group),
    ]
    return {requirement_name(requirement) for requirement in declared}


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


def make_commands(text: str) -> set[str]:
    """Find targets named in code, as `make test` or on a line of a code block."""
    return set(re.findall(r"(?:`|^\s*\$?\s*)make ([a-z][a-z-]*)", text, re.MULTILINE))


def tracked_texts() -> list[tuple[Path, str]]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    texts = []
    for name in listing.stdout.decode().split("\0"):
        path = ROOT / name
        if not name or not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" not in content:
            texts.append((Path(name), content.decode("utf-8", errors="replace")))
    return texts


def machine_paths(text: str) -> list[str]:
    """Find absolute paths into somebody's own folders; `/home/you` and the like are examples."""
    pattern = (
        r"(?<![\w./~-])/(?:root|work|workspace|(?:home|Users)/(?!(?:you|user|me|alice|bob)\b)\w+)/[\w.-]+"
    )
    return re.findall(pattern, text)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_python_lock_names_no_host_and_no_path(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert re.findall(r"\w+://\S+|--(?:index|extra-index|find-links)\S*|(?<![\w.])/\S+", text) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_has_a_hash(lock: Path) -> None:
    entries = re.split(r"^(?=[a-z0-9])", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_dev_lock_holds_all_that_the_runtime_lock_holds() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        return set(re.findall(r"^[a-z0-9][^\\\n]*", text, re.MULTILINE))

    assert pins("runtime.txt") <= pins("dev.txt")


def test_every_requirement_is_locked() -> None:
    locked = {
        requirement_name(line)
        for lock in LOCKS
        for line in lock.read_text(encoding="utf-8").splitlines()
        if re.match(r"[a-z0-9]", line)
    }
    assert direct_requirements() - locked == set()


@pytest.mark.parametrize("folder", ["vscode-client", "tests/editors/code-server"])
def test_an_npm_lock_names_no_host(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))
    hosts = {
        name: package["resolved"]
        for name, package in lock["packages"].items()
        if "://" in package.get("resolved", "")
    }
    assert hosts == {}
    unhashed = [
        name
        for name, package in lock["packages"].items()
        if name and not package.get("link") and "integrity" not in package
    ]
    assert unhashed == []


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    found = {
        str(path): paths
        for path, text in tracked_texts()
        if path != Path("tests/test_repository.py") and (paths := machine_paths(text))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see /root/project/x.py", ["/root/project"]),
        ("cd /home/somebody/code", ["/home/somebody/code"]),
        ("cd /home/you/code", []),
        ("tests/work/data", []),
        ("$HOME/work/data", []),
    ],
)
def test_machine_paths_are_told_from_examples(text: str, found: list[str]) -> None:
    assert machine_paths(text) == found


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_make_command_in_the_documents_exists(name: str) -> None:
    commands = make_commands((ROOT / name).read_text(encoding="utf-8"))
    assert commands
    assert commands - make_targets() == set()


def test_the_readme_names_the_two_commands() -> None:
    commands = make_commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {"demo", "test"} <= commands


def test_every_phony_target_exists_and_is_explained() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    match = re.search(r"^\.PHONY: (.*?[^\\])$", text, re.MULTILINE | re.DOTALL)
    assert match
    phony = set(match.group(1).replace("\\", " ").split())
    assert phony - make_targets() == set()
    explained = set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
    halves = {f"{target}-{half}" for target in ("test", "check") for half in ("server", "client")}
    assert phony - explained - halves == set()


def test_every_dependency_has_its_reason_written_down() -> None:
    document = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    client = json.loads((ROOT / "vscode-client" / "package.json").read_text(encoding="utf-8"))
    wanted = direct_requirements() | client.get("dependencies", {}).keys() | client["devDependencies"].keys()
    assert {name for name in wanted if f"`{name}`" not in document} == set()


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    client = json.loads((ROOT / "vscode-client" / "package.json").read_text(encoding="utf-8"))
    assert project()["project"]["license"] == client["license"] == "Apache-2.0"


def test_the_versions_agree() -> None:
    client = json.loads((ROOT / "vscode-client" / "package.json").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    match = re.search(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)
    assert match, "the changelog has no version"
    versions = {
        "pyproject.toml": project()["project"]["version"],
        "jouleline": jouleline.__version__,
        "vscode-client/package.json": client["version"],
        "CHANGELOG.md": match.group(1),
    }
    assert len(set(versions.values())) == 1, versions


def test_every_exception_to_the_lint_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lint = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.pydocstyle]")]
    rules = [line for line in lint.splitlines() if re.match(r'\s+"[A-Z]+\d*"', line)]
    assert rules
    assert [line for line in rules if not re.search(r"# \S+", line)] == []
