"""A user at Visual Studio Code: the workbench of code-server in Chromium, with our extension and server."""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.editors.code_server import ROOT, CodeServer, processes, servers, workers
from tests.editors.conftest import TARGET
from tests.editors.programs import (
    BODY_LINE,
    DECAY,
    LOOP_LINE,
    WORK,
    building,
    write_decay,
    write_profile,
    write_stencil,
    write_stuck,
)
from tests.editors.window import Window
from tests.runners.processes import processes_with
from tests.support.profiles import Launched, ncu_csv
from tests.support.sshd import Sshd
from tests.support.wheels import built, with_dependencies

# One editor serves them all; opening a window takes longer than most tests.
pytestmark = [pytest.mark.xdist_group("vscode"), pytest.mark.slow]
# For a refactoring, and for whatever a process outside of the browser does.
RUN_MS = 180_000
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def workspace(vscode: CodeServer) -> Path:
    folder = vscode.home / "kernels"
    write_stencil(folder / "stencil")
    write_decay(folder / "decay")
    write_stuck(folder / "stuck")
    shutil.copytree(ROOT / "samples" / "jacobi-cuda", folder / "jacobi-cuda")
    return folder


@pytest.fixture(scope="module")
def window(new_window: Callable[[Path], Window], workspace: Path) -> Window:
    """A window in which the workspace is trusted."""
    opened = new_window(workspace)
    opened.trust()
    opened.command("View: Close Primary Side Bar")
    return opened


@pytest.fixture(autouse=True)
def tidy(request: pytest.FixtureRequest) -> Iterator[None]:
    if "window" in request.fixturenames:
        window: Window = request.getfixturevalue("window")
        window.tidy()
        yield
        if request.session.testsfailed:
            window.picture(f"failed-{request.node.name}")
    else:
        yield


@pytest.fixture
def settings(workspace: Path) -> Iterator[Path]:
    """The workspace's own settings; they are gone with the test."""
    file = workspace / ".vscode" / "settings.json"
    file.parent.mkdir(exist_ok=True)
    yield file
    file.unlink(missing_ok=True)


def eventually(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def is_drawn(image: Locator) -> bool:
    """Whether the browser could read it; one that it could not is a small broken page on screen."""
    return bool(image.evaluate("image => image.complete && image.naturalWidth > 100"))


def test_hints_follow_what_is_typed(window: Window, workspace: Path) -> None:
    window.open(workspace / "stencil" / "stencil.cu")
    expect(window.hints).to_have_count(2)
    expect(window.hints.first).to_contain_text("◂ bandwidth-bound ·")
    expect(window.lenses.first).to_contain_text("Refactor for energy")
    window.picture("hints")
    window.go_to(BODY_LINE, 99)
    window.type(f"\n{WORK}")
    expect(window.hints.first).to_contain_text("◂ compute-bound (sp) ·")
    window.picture("hints-edited")


def test_a_hover_draws_the_roofline(window: Window, workspace: Path, settings: Path) -> None:
    # A smell at the kernel's name would stand above the bound.
    settings.write_text('{"jouleline.diagnostics.enable": false}', "utf-8")
    window.open(workspace / "jacobi-cuda" / "main.cu")
    expect(window.lenses.first).to_be_visible()
    kernel = window.hints.filter(has_text="jacobi_step(const")
    expect(kernel).to_be_visible()
    text = (workspace / "jacobi-cuda" / "main.cu").read_text("utf-8").splitlines()
    (line,) = (number for number, one in enumerate(text, 1) if one.startswith("__global__"))
    window.go_to(line, 20)
    window.command("Show or Focus Hover")
    picture = window.page.locator(".monaco-hover img").first
    expect(picture).to_be_visible()
    assert is_drawn(picture)
    window.enlarge(window.page.locator(".monaco-resizable-hover"), 160)
    window.picture("hover")


@pytest.mark.usefixtures("settings")  # the choice is kept there
def test_another_gpu_gives_other_bounds(window: Window, workspace: Path) -> None:
    window.open(workspace / "stencil" / "stencil.cu")
    expect(window.status).to_contain_text("A100")
    expect(window.hints.first).to_contain_text("◂ bandwidth-bound ·")
    before = window.hints.first.inner_text()
    window.status.click()
    expect(window.page.locator(".quick-input-list .monaco-list-row").nth(5)).to_be_visible()
    window.picture("choose-gpu")
    # What is typed is found in GH200 too, whose name comes first.
    window.answer("h200", "NVIDIA H200")
    expect(window.status).to_contain_text("NVIDIA H200")
    expect(window.hints.first).not_to_contain_text(before)
    expect(window.hints.first).to_contain_text("-bound")


def test_another_machine_is_chosen_by_its_user_and_by_no_workspace(
    window: Window, workspace: Path, settings: Path
) -> None:
    window.open(workspace / "stencil" / "stencil.cu")
    expect(window.target).to_contain_text("Here")
    settings.write_text(f'{{"jouleline.target": "{TARGET}", "jouleline.gpu": "h200"}}', "utf-8")
    expect(window.status).to_contain_text("H200")  # so it was read
    expect(window.target).to_contain_text("Here")
    window.target.click()
    expect(window.page.locator(".quick-input-list .monaco-list-row").nth(2)).to_be_visible()
    window.picture("choose-target")
    window.answer(TARGET, TARGET)
    expect(window.target).to_contain_text(TARGET)
    window.target.click()
    window.answer("Here", "Here")
    expect(window.target).to_contain_text("Here")


def test_a_refactoring_ends_as_an_edit_and_one_that_is_discarded_changes_nothing(
    window: Window, workspace: Path
) -> None:
    file = workspace / "decay" / "decay.cpp"
    window.open(file)
    window.lenses.get_by_text("Refactor for energy").first.click()
    window.point_away()
    expect(window.told("Refactoring decay.cpp for energy")).to_be_visible()
    window.picture("progress")
    told = window.told(re.compile(r"−[\d.]+% energy \(modelled by cpu-time"))
    expect(told).to_be_visible(timeout=RUN_MS)
    expect(window.told("Rows start unticked")).to_be_visible()  # first, for it does not stay
    rows = window.preview.locator(".edit-checkbox")
    expect(rows.first).to_be_visible()
    expect(rows).to_have_count(2)  # the file's and that of its one edit
    assert not any(row.is_checked() for row in rows.all())
    window.picture("preview")
    window.preview.get_by_role("button", name="Discard").click()
    expect(window.run_page.locator("h1")).to_have_text(re.compile(r"−[\d.]+% energy"))
    window.picture("discarded")
    expect(window.told("The edit was not applied.")).to_be_visible()
    window.picture("not-applied")
    window.button("Show Edit Again").click()
    expect(window.told("Rows start unticked")).to_be_visible()
    expect(rows.first).to_be_visible()
    window.preview.get_by_role("button", name="Discard").click()
    expect(window.told("The edit was not applied.")).to_be_visible()
    expect(window.editor_of(file).locator(".view-line", has_text="x * pow(rate, 1.3)")).to_have_count(1)
    assert file.read_text("utf-8") == DECAY


def test_a_run_on_another_machine_outlives_the_server_and_its_edit_is_applied(
    window: Window, vscode: CodeServer, daemon: Sshd, workspace: Path, settings: Path
) -> None:
    file = workspace / "decay" / "decay.cpp"
    window.open(file)
    window.target.click()
    window.answer(TARGET, TARGET)
    expect(window.target).to_contain_text(TARGET)
    window.go_to(LOOP_LINE)
    window.page.keyboard.press("Control+.")
    window.page.locator(".action-widget").get_by_text("Refactor for energy").click()
    progress = window.told(re.compile(f"Refactoring decay.cpp for energy on {TARGET}: (verify|measure)"))
    expect(progress).to_be_visible(timeout=RUN_MS)
    # The one of the window before may still be ending.
    eventually(lambda: len(servers(vscode.home)) == 1, "not one server is at work")
    (killed,) = servers(vscode.home)
    os.kill(killed, signal.SIGKILL)
    expect(progress).to_have_count(0)
    eventually(lambda: len(servers(vscode.home) - {killed}) == 1, "no server was started again")
    expect(progress).to_be_visible()
    window.picture("found-again")
    rows = window.preview.locator(".edit-checkbox")
    expect(rows.first).to_be_visible(timeout=RUN_MS)
    # The file's own row ticks those of its edits.
    rows.first.click()
    window.preview.get_by_role("button", name="Apply").click()
    window.point_away()
    expect(window.editor_of(file).locator(".view-line", has_text="x * invariant_pow")).to_have_count(1)
    expect(window.run_page.locator("h1")).to_have_text(re.compile(r"−[\d.]+% energy"))
    expect(window.told("Only part of the edit")).to_have_count(0)
    eventually(lambda: not workers(vscode.home), "the run's process is there")
    eventually(lambda: not processes_with(f"{daemon.far}/files"), "something runs on the other machine")
    window.command("Notifications: Clear All Notifications")
    window.picture("run")
    window.narrow()
    window.picture("run-narrow")
    window.widen()
    settings.write_text('{"workbench.colorTheme": "Dark Modern"}', "utf-8")
    expect(window.page.locator(".monaco-workbench.vs-dark")).to_be_visible()
    window.picture("run-dark")
    roofs = window.run_page.locator("img.roofs")
    roofs.scroll_into_view_if_needed()
    assert is_drawn(roofs)
    window.picture("run-roofs-dark")
    window.target.click()
    window.answer("Here", "Here")
    expect(window.target).to_contain_text("Here")


def test_a_run_that_is_cancelled_ends_its_build(window: Window, workspace: Path) -> None:
    folder = workspace / "stuck"
    window.open(folder / "stuck.cpp")
    expect(window.hints).to_have_count(1)
    window.command("Jouleline: Refactor for Energy")
    eventually(lambda: building(folder), "nothing is built")
    window.picture("cancel")
    window.button("Cancel").click()
    eventually(lambda: not building(folder), "the build goes on")
    expect(window.told("Refactoring stuck.cpp")).to_have_count(0)
    expect(window.hints).to_have_count(1)


def test_a_program_that_does_not_build_says_why(window: Window, workspace: Path) -> None:
    file = write_decay(workspace / "broken")
    file.write_text(DECAY.replace("double sum = 0.0", "double sum = start"), "utf-8")
    window.open(file)
    expect(window.hints).to_have_count(1)
    window.command("Jouleline: Refactor for Energy")
    told = window.told("decay.cpp cannot be refactored: the baseline does not build")
    expect(told).to_contain_text("was not declared in this scope", timeout=RUN_MS)
    expect(window.button("Show Log")).to_be_visible()
    window.picture("does-not-build")
    shutil.rmtree(file.parent)  # which has a file of another one's name


def test_nothing_starts_before_the_workspace_is_trusted(
    vscode: CodeServer, new_window: Callable[[Path], Window]
) -> None:
    folder = vscode.home / "stranger"
    file = write_stuck(folder)
    running = servers(vscode.home)
    window = new_window(folder)
    window.open(file)
    expect(window.status).to_have_attribute("aria-label", re.compile("trusted"))
    window.command("Jouleline: Refactor for Energy")
    expect(window.told("needs a trusted workspace")).to_be_visible()
    window.picture("untrusted")
    assert not building(folder)
    assert servers(vscode.home) <= running
    expect(window.hints).to_have_count(0)
    window.trust(window.button("Manage Trust"))
    expect(window.hints).to_have_count(1)
    window.picture("trusted")
    window.page.context.close()


@pytest.fixture
def installs(vscode: CodeServer) -> Iterator[Path]:
    """Where the extension keeps the environment that it makes; its wheel is there, and no index is asked."""
    (extension,) = (vscode.home / "extensions").glob("jouleline.jouleline-*")
    with_dependencies(built(extension / "server")[0])
    configuration = vscode.home / ".config" / "pip" / "pip.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text("[install]\nno-index = true\nno-deps = true\n", "utf-8")
    storage = vscode.home / "code-server" / "User" / "globalStorage" / "jouleline.jouleline"
    yield storage
    eventually(lambda: not any(str(storage) in one for one in processes(vscode.home).values()), "it runs")
    shutil.rmtree(storage)
    shutil.rmtree(configuration.parent)
    shutil.rmtree(extension / "server")


def test_a_server_that_is_nowhere_is_offered_for_installation_and_installed(
    window: Window, vscode: CodeServer, workspace: Path, settings: Path, installs: Path
) -> None:
    window.open(workspace / "stencil" / "stencil.cu")
    expect(window.hints).to_have_count(2)
    settings.write_text('{"jouleline.python": ""}', "utf-8")
    expect(window.told('needs a Python interpreter with the package "jouleline"')).to_be_visible()
    expect(window.button("Install")).to_be_visible()
    window.picture("no-server")
    window.button("Install").click()
    expect(window.told("installing the server into an environment of its own")).to_be_visible()
    window.picture("install")
    expect(window.hints).to_have_count(2, timeout=RUN_MS)
    assert any(str(installs) in one for one in processes(vscode.home).values())
    window.picture("installed")
    settings.write_text("{}", "utf-8")
    eventually(lambda: not any(str(installs) in one for one in processes(vscode.home).values()), "it runs")
    expect(window.hints).to_have_count(2)
    expect(window.status).to_contain_text("A100")


def test_a_server_that_is_killed_comes_back_with_the_text_as_it_is(
    window: Window, vscode: CodeServer, workspace: Path
) -> None:
    folder = workspace / "stuck"
    window.open(folder / "stuck.cpp")
    expect(window.hints).to_have_count(1)
    window.go_to(LOOP_LINE - 1, 99)
    window.type("\n#pragma omp parallel for\nfor (int i = 0; i < n; i++) a[i] = 0.0;")
    expect(window.hints).to_have_count(2)
    window.command("Jouleline: Refactor for Energy")
    eventually(lambda: building(folder), "nothing is built")
    (killed,) = servers(vscode.home)
    os.kill(killed, signal.SIGKILL)
    expect(window.told("the server ended before it answered")).to_be_visible()
    window.picture("killed")
    eventually(lambda: len(servers(vscode.home) - {killed}) == 1, "no server was started again")
    expect(window.hints).to_have_count(2)
    eventually(lambda: not building(folder), "the build outlives the server")


def test_a_profile_is_imported_in_place_of_estimates(window: Window, workspace: Path) -> None:
    profile = write_profile(workspace / "stencil")
    poor = profile.with_name("poor.csv")
    metrics = tuple(Launched("k").metrics())
    poor.write_text(ncu_csv([Launched("k", without=metrics[:-1])]), "utf-8")
    window.open(workspace / "stencil" / "stencil.cu")
    window.command("Jouleline: Import Profile")
    window.choose_file(poor.name)
    expect(window.told("poor.csv: nothing in it can be used: k lacks 9 metrics")).to_be_visible()
    window.picture("profile-refused")
    window.command("Jouleline: Import Profile")
    window.choose_file(profile.name)
    expect(window.told("1 kernel has measured counts now")).to_be_visible()


def test_other_gpus_and_the_bounds_are_pages_beside_the_code(window: Window, workspace: Path) -> None:
    file = workspace / "stencil" / "stencil.cu"
    window.open(file)
    expect(window.hints).to_have_count(2)
    window.command("Jouleline: Compare GPUs")
    expect(window.run_page.locator("td", has_text="NVIDIA B200")).to_be_visible()
    expect(window.run_page.locator("td", has_text="µs").first).to_have_css("text-align", "right")
    expect(window.run_page.locator("h1")).not_to_have_css("text-align", "right")
    window.picture("compare-gpus")
    window.tidy()
    window.open(file)
    window.command("Jouleline: Show Bounds as Page")
    expect(window.run_page.locator("h1")).to_contain_text("stencil.cu on NVIDIA A100")
    window.picture("bounds-page")


@pytest.fixture
def kept_runs(vscode: CodeServer, workspace: Path) -> Iterator[None]:
    """Runs that were kept: one of this workspace, one of another folder, and one that was cut off."""
    kept = vscode.home / ".local" / "state" / "jouleline" / "runs"
    for name, program in (
        ("improved", workspace / "decay"),
        ("refused", vscode.home / "elsewhere"),
        ("cut-off", workspace / "stuck"),
    ):
        record = ROOT / "vscode-client" / "test" / "records" / name.replace("cut-off", "improved")
        (kept / name).mkdir(parents=True)
        for file in record.iterdir():
            text = re.sub(r'(?<="program": ")[^"]*', str(program), file.read_text("utf-8"))
            if name == "cut-off" and file.name == "events.jsonl":
                text = "".join(line for line in text.splitlines(keepends=True) if '"kind": "end"' not in line)
            if (name, file.name) != ("cut-off", "result.json"):
                (kept / name / file.name).write_text(text, "utf-8")
    yield
    for name in ("improved", "refused", "cut-off"):
        shutil.rmtree(kept / name)


@pytest.mark.usefixtures("kept_runs")
def test_past_runs_are_listed_shown_and_resumed(window: Window, workspace: Path) -> None:
    window.open(workspace / "stencil" / "stencil.cu")
    expect(window.hints).to_have_count(2)
    window.command("Jouleline: Show Past Runs")
    rows = window.page.locator(".quick-input-list .monaco-list-row")
    expect(rows.filter(has_text="decay").filter(has_text="energy")).not_to_have_count(0)
    expect(rows.last).to_contain_text("elsewhere")
    window.picture("past-runs")
    window.point_away()
    window.answer("elsewhere", "elsewhere")
    expect(window.run_page.locator("h1")).to_contain_text("No candidate")
    window.picture("past-run")
    window.tidy()
    window.open(workspace / "stencil" / "stencil.cu")
    window.command("Jouleline: Show Past Runs")
    window.answer("did not end", "stuck")
    expect(window.told("The run of stuck did not end")).to_be_visible()
    window.picture("past-run-cut-off")
    window.button("Resume").click()
    expect(window.told("changed since")).to_be_visible()
    window.picture("past-run-changed")
    window.button("Show Log").click()
    expect(window.page.locator(".output-view .view-line", has_text="cannot be resumed").first).to_be_visible()
    window.command("View: Toggle Panel Visibility")


def test_the_walkthrough_leads_through_all_of_it(window: Window) -> None:
    window.command("Welcome: Open Walkthrough")
    window.answer("Jouleline", "Get Started with Jouleline")
    steps = window.page.locator(".gettingStartedContainer .getting-started-step")
    shown = {
        "Set up the server": "The extension runs the server with the first of these interpreters",
        "Choose the GPU": "another: compute-bound",
        "Read the bounds": "◂ bandwidth-bound",
        "Refactor for energy": "joules a run",
        "Look at past runs": "The page of a run",
        "Know what is run": "What is run, and when",
    }
    expect(steps).to_have_count(len(shown))
    for number, (title, beside) in enumerate(shown.items(), 1):
        steps.filter(has_text=title).first.click()
        window.point_away()
        expect(window.run_page.locator("body")).to_contain_text(beside)
        window.picture(f"walkthrough-{number}")
    steps.nth(1).click()
    window.page.get_by_role("button", name="Choose GPU").click()
    expect(window.page.locator(".quick-input-list .monaco-list-row").nth(5)).to_be_visible()
    window.page.keyboard.press("Escape")
