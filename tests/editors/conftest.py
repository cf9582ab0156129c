import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.editors.code_server import ROOT, CodeServer, code_server, require_code_server
from tests.editors.window import WIDE, Window
from tests.support.sshd import Sshd
from tests.support.tools import require_tool

TARGET = "gpu-box"
PICTURES = ROOT / "build" / "editors"
# The machine may be busy with other tests; what takes longer than this does not come any more.
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = require_tool("chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as driver:
        # Its sandbox refuses root, whom containers run as; the one site it visits is ours.
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def vscode(daemon: Sshd) -> Iterator[CodeServer]:
    entry = require_code_server()
    # A short path: pictures show it, and a socket's name has a hundred characters at most.
    with (
        tempfile.TemporaryDirectory(prefix="jouleline-") as home,
        code_server(entry, Path(home), sys.executable, daemon.bin) as serving,
    ):
        own = Path(home) / ".config" / "jouleline" / "jouleline.toml"
        own.parent.mkdir(parents=True)
        own.write_text(daemon.described(TARGET), "utf-8")
        yield serving


@pytest.fixture(scope="module")
def new_window(browser: Browser, vscode: CodeServer) -> Callable[[Path], Window]:
    """Open a folder in a window of a browser that has never been here."""

    def opened(folder: Path) -> Window:
        page = browser.new_context(viewport=WIDE).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{vscode.address}/?folder={folder}")
        expect(page.locator(".explorer-folders-view")).to_be_visible()
        return Window(page, PICTURES)

    return opened
