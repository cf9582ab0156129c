"""What a user does in a window of Visual Studio Code, and sees there."""

from __future__ import annotations

from pathlib import Path
from re import Pattern

from playwright.sync_api import Error, FrameLocator, Locator, Page, ViewportSize, expect

HINT = "◂"
WIDE: ViewportSize = {"width": 1180, "height": 720}


class Window:
    def __init__(self, page: Page, pictures: Path) -> None:
        self.page = page
        self._pictures = pictures

    def trust(self, ask: Locator | None = None) -> None:
        """Trust the workspace, from the status bar or from the button that asks for it."""
        restricted = self.page.get_by_role("button", name="Restricted Mode")
        (ask or restricted).click()
        self.page.get_by_role("button", name="Trust", exact=True).click()
        expect(restricted).to_be_hidden()
        # The page about trust lies above everything else, and takes the keys.
        close = self.page.get_by_role("button", name="Close Modal Editor")
        close.click()
        expect(close).to_be_hidden()

    def tidy(self) -> None:
        """Leave nothing of one test to the next: neither edits, nor open files, nor messages."""
        if self.preview.is_visible():
            self.preview.get_by_role("button", name="Discard").click()
            expect(self.preview).to_be_hidden()
        self.command("View: Close All Editors")
        asked = self.page.locator(".monaco-dialog-box")
        empty = self.page.locator(".editor-group-container.empty")
        expect(asked.or_(empty).first).to_be_visible()
        if asked.is_visible():
            self.page.get_by_role("button", name="Don't Save").click()
            expect(empty).to_be_visible()
        self.command("Notifications: Clear All Notifications")

    def open(self, file: Path) -> None:
        """Open a file by its path and wait until its text is there."""
        self._ask("Control+P", str(file), file.name)
        expect(self.page.locator(f'.tab.active[data-resource-name="{file.name}"]')).to_be_visible()
        expect(self.editor.locator(".view-line").first).to_be_visible()

    def command(self, title: str) -> None:
        self._ask("F1", f">{title}", title)

    def go_to(self, line: int, column: int = 1) -> None:
        """Set the cursor, both counted from one."""
        self._ask("Control+G", f":{line}:{column}")

    def answer(self, text: str, row: str) -> None:
        """Choose a row of the list that is open."""
        expect(self._box).to_be_focused()
        self._box.fill(text)
        self._choose(row)

    def choose_file(self, name: str) -> None:
        """Choose a file of the folder that the dialog which is open shows: that of the active editor."""
        self.page.get_by_role("option", name=name).click()

    def _ask(self, key: str, text: str, row: str = "") -> None:
        # Whatever takes the focus meanwhile closes the box again: a document that opens, for one.
        for _ in range(5):
            self.page.keyboard.press(key)
            try:
                self._box.fill(text, timeout=5_000)
            except Error:
                continue
            break
        self._choose(row)

    def _choose(self, row: str) -> None:
        focused = self.page.locator(".quick-input-list .monaco-list-row.focused", has_text=row)
        expect(focused).to_be_visible()
        self.page.keyboard.press("Enter")
        expect(focused).to_be_hidden()  # the box may ask for more

    @property
    def _notifications(self) -> Locator:
        return self.page.locator(".notification-list-item")

    @property
    def _box(self) -> Locator:
        return self.page.locator(".quick-input-widget input[type=text]")

    def type(self, text: str) -> None:
        self.page.keyboard.insert_text(text)

    @property
    def editor(self) -> Locator:
        return self.page.locator(".editor-group-container.active .editor-instance")

    def editor_of(self, file: Path) -> Locator:
        """The editor of a file, wherever the focus is."""
        return self.page.locator(f'.editor-instance[aria-label^="{file.name}"], [data-uri$="/{file.name}"]')

    @property
    def hints(self) -> Locator:
        """The lines with an inlay hint."""
        return self.editor.locator(".view-line", has_text=HINT)

    @property
    def lenses(self) -> Locator:
        return self.editor.locator(".codelens-decoration")

    def told(self, text: str | Pattern[str]) -> Locator:
        """The messages with this text."""
        return self._notifications.filter(has_text=text)

    @property
    def status(self) -> Locator:
        return self.page.locator('.statusbar-item[id$="jouleline.status"]')

    @property
    def target(self) -> Locator:
        """Where refactorings run."""
        return self.page.locator('.statusbar-item[id$="jouleline.target"]')

    @property
    def preview(self) -> Locator:
        """The refactor preview."""
        return self.page.locator(".bulk-edit-panel")

    @property
    def run_page(self) -> FrameLocator:
        return self.page.frame_locator("iframe.webview").frame_locator("iframe#active-frame")

    def button(self, title: str) -> Locator:
        return self._notifications.get_by_role("button", name=title)

    def enlarge(self, widget: Locator, pixels: int) -> None:
        """Draw its lower edge down."""
        box = widget.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] - 1
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x, y + pixels, steps=5)
        self.page.mouse.up()
        self.page.mouse.move(x, y)

    def point_away(self) -> None:
        """Move the mouse off the text, where it lights up what is under it."""
        self.page.mouse.move(2, 2)

    def narrow(self) -> None:
        self.page.set_viewport_size({"width": 640, "height": 720})

    def widen(self) -> None:
        self.page.set_viewport_size(WIDE)

    def picture(self, name: str) -> None:
        """Keep what is on screen now for people to look at."""
        self._pictures.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self._pictures / f"{name}.png", animations="disabled")
