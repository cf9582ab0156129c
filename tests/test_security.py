"""docs/security.md: behind each thing that somebody cannot do stands a test. Here are some of them."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from jouleline import wiring
from jouleline.agent.session import session
from jouleline.app.copying import CopyError, copy_program
from jouleline.app.markdown import code, words
from jouleline.app.program import read_program
from jouleline.app.record import new_record
from jouleline.app.run_page import run_page
from jouleline.cache import DiskCache
from jouleline.cli.console import Terminal
from jouleline.cli.main import main
from jouleline.cli.serve import _address
from jouleline.cli.visible import visible
from jouleline.core.model_settings import ModelSettings
from jouleline.core.ports import Message, ModelError, Role
from jouleline.core.target import Target
from jouleline.models.openai_compatible import OpenAICompatibleModel
from jouleline.remote.errors import UnreachableError
from jouleline.remote.launcher import script, shell
from jouleline.remote.machine import Machine
from jouleline.remote.ssh import Ssh
from tests.lsp.client import Client, over_stdio
from tests.support.documents import known_in

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "security.md"
RECORD = ROOT / "vscode-client" / "test" / "records" / "improved" / "result.json"
SOMEBODY = 65534


# The document


def rows() -> list[tuple[str, str]]:
    """What somebody cannot do, and the tests beside it, from every table with such a column."""
    text = DOCUMENT.read_text("utf-8")
    tables = re.findall(r"^\| cannot \| test \|\n\|[ |-]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()]
    split = [re.fullmatch(r"\| (.+?) \| (.+) \|", line) for line in lines]
    assert all(split), "a row has two cells"
    return [(found[1], found[2]) for found in split if found]


def test_behind_each_row_stands_a_test_that_exists() -> None:
    found = rows()
    assert len(found) > 40
    named = [(one, what) for what, cell in found for one in re.findall(r"`([^`]+)`", cell) or [cell]]
    missing = [f"{one}, behind: {what}" for one, what in named if not is_a_test(*one.partition("::")[::2])]
    assert missing == []


def is_a_test(path: str, name: str) -> bool:
    return (ROOT / path).is_file() and name in known_in(path)


def test_every_test_of_this_file_that_attacks_stands_in_the_document() -> None:
    text = DOCUMENT.read_text("utf-8")
    ours = {
        name
        for name in known_in("tests/test_security.py")
        if not name.startswith(("test_behind", "test_every"))
    }
    assert {name for name in ours if f"tests/test_security.py::{name}`" not in text} == set()


# A hostile program


@pytest.mark.parametrize("verb", ["bound", "whatif", "report"])
def test_looking_at_a_program_runs_nothing_of_it(tmp_path: Path, verb: str) -> None:
    marks = [tmp_path / name for name in ("expanded", "built", "ran", "recipe")]
    program = tmp_path / "program"
    program.mkdir()
    (program / "main.cu").write_text(
        "__global__ void k(float *a) { a[0] = 1; }\nint main() { k<<<1, 1>>>(0); }\n"
    )
    (program / "jouleline.toml").write_text(
        f'[workload]\nbuild = "touch {marks[1]}"\nrun = "touch {marks[2]}"\n'
    )
    (program / "Makefile").write_text(
        f"X := $(shell touch {marks[0]})\nCFLAGS != touch {marks[0]}\nrun:\n\ttouch {marks[3]}\n"
    )
    assert main([verb, str(program), *(["-o", str(tmp_path / "page")] if verb == "report" else [])]) == 0
    assert [mark for mark in marks if mark.exists()] == []
    # The attack works where somebody runs it.
    subprocess.run(["make", "-n", "-C", program], check=True, capture_output=True)
    assert marks[0].exists()


@pytest.mark.parametrize("link", ["file", "folder"])
def test_no_link_of_a_program_leads_to_a_hidden_file_of_the_user_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    home, program = tmp_path / "home", tmp_path / "home" / "code" / "program"
    monkeypatch.setenv("HOME", str(home))
    (home / ".keys").mkdir(parents=True)
    (home / ".keys" / "key.h").write_text("secret")
    program.mkdir(parents=True)
    (home / "code" / "shared.h").write_text("// for all")
    (program / "main.cpp").write_text('#include "shared.h"\nint main() {}\n')
    (program / "shared.h").symlink_to(home / "code" / "shared.h")
    copy_program(program, tmp_path / "before")
    assert (tmp_path / "before" / "shared.h").read_text() == "// for all"

    name = "key.h" if link == "file" else "keys"
    (program / name).symlink_to(home / ".keys" / ("key.h" if link == "file" else ""))
    (program / "main.cpp").write_text(
        f'#include "{"keys/" if link == "folder" else ""}key.h"\nint main() {{}}\n'
    )
    read = read_program([program])
    assert b"secret" not in b"".join(read.files.values())
    assert {problem.message for problem in read.problems} == {
        "is by a link a hidden file of your home, which is not read"
    }
    with pytest.raises(CopyError, match="is by a link a hidden file of your home"):
        copy_program(program, tmp_path / "after")
    assert not list((tmp_path / "after").rglob("key.h"))


def test_an_editor_runs_no_makefile_of_a_program_outside_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    doubles = {"nvcc": "echo release 13.0, V13.0.0", "nvdisasm": "echo V13.0.0", "bwrap": "exit 1"}
    for name, does in doubles.items():
        (tools / name).write_text(f"#!/bin/sh\n{does}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "jouleline").mkdir()
    for backend, said in (
        ("none", "outside of one nothing is compiled unasked"),
        ("bubblewrap", "no sandbox"),
    ):
        (tmp_path / "jouleline" / "jouleline.toml").write_text(f'[sandbox]\nbackend = "{backend}"\n')
        with pytest.raises(wiring.UnavailableError, match=said):
            wiring.background_evidence()


ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\u202e"


@settings(max_examples=30)
@given(st.text())
def test_no_text_controls_a_terminal(text: str) -> None:
    console = Terminal(file=io.StringIO(), force_terminal=True, color_system=None, width=200)
    console.print(text + ESCAPE, markup=False)
    for shown in (visible(text + ESCAPE), console.file.getvalue()):  # type: ignore[attr-defined] # a StringIO
        assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown) == []


def test_what_a_build_prints_controls_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "main.cpp").write_text("int main() {}\n")
    (tmp_path / "jouleline.toml").write_text(
        """[workload]\nbuild = "printf '\\\\033]0;owned\\\\007' >&2; exit 1"\nrun = "true"\n"""
    )
    assert main(["measure", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "␛]0;owned␇" in said.err
    assert "\x1b" not in said.err + said.out


MARKDOWN = MarkdownIt("commonmark").enable(["table"])


def kinds(page: str) -> set[str]:
    """What a page of Markdown is made of."""
    return {
        token.type
        for block in MARKDOWN.parse(page)
        for token in (block, *(block.children or ()))
        if token.type
    }


@given(st.text(alphabet="ab`[]()<>!|\\&\n\t #-*_:/", max_size=40))
def test_words_of_a_program_become_no_markup(text: str) -> None:
    plain = {"paragraph_open", "paragraph_close", "inline", "text", "em_open", "em_close", "strong_open"}
    assert kinds(f"Assumed: {words(text)}.") <= plain | {"strong_close", "text_special"}
    [paragraph] = [block for block in MARKDOWN.parse(f"x {code(text)} y") if block.type == "inline"]
    assert paragraph.children is not None
    shown = [child for child in paragraph.children if child.type != "text" or child.content.strip()]
    if text.strip():
        assert [child.type for child in shown] == ["text", "code_inline", "text"]
        assert shown[1].content.strip() == re.sub(r"\s+", " ", text).strip()


LINK = "`![](https://evil.example/seen.png)[x](command:evil)"
HOSTILE = f"""\
template <int N> __global__ void k(float *a) {{ a[threadIdx.x] = N; }}
int main(int, char **v) {{ k<sizeof("{LINK}")><<<f("{LINK}"), 256>>>(0); }}
"""


@pytest.fixture
def client() -> Iterator[Client]:
    with over_stdio() as found:
        yield found


def test_no_name_in_a_program_becomes_a_link_or_picture_in_an_editor(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "main.cu"
    path.write_text(HOSTILE)
    client.initialize(tmp_path)
    uri = client.open(path)
    pages = [
        client.hover(uri, 0, HOSTILE.index("k(")) or "",
        client.execute("jouleline.report", {"uri": uri})["markdown"],
    ]
    assert "evil.example" in "".join(pages)
    for page in pages:
        assert kinds(page) & {"link_open", "image", "html_inline", "html_block"} == set()


# A hostile page


class Elements(HTMLParser):
    """What could run or load something in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "form", "link", "base", "foreignobject"):
            self.found.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (
                name in ("src", "href") and not str(value).startswith(("#", "data:image/"))
            ):
                self.found.append(f"{tag} {name}={value}")


MARKUP = "\"'><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" onload="document.title=\'owned\'">'
    "<script>document.title='owned'</script></svg><script>document.title='owned'</script>"
)


def hostile(value: Any) -> Any:
    """A record in which every text that is no name of a kind is markup."""
    if isinstance(value, dict):
        return {
            key: DRAWING if key == "picture" else one if key in ("verdict", "order") else hostile(one)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [hostile(one) for one in value]
    return value + MARKUP if isinstance(value, str) else value


def hostile_page() -> str:
    record = json.loads(RECORD.read_text("utf-8"))
    for block in record["energy"]["blocks"]:
        block["windows"] = [{"energy_j": 1.0, "runs": 1}] * len(block["order"])
    return run_page(hostile(record), "2026-11-21T00:00:00")


def test_no_text_of_a_record_becomes_an_element_of_its_page() -> None:
    page = hostile_page()
    assert "&lt;script&gt;" in page
    assert Elements(page).found == []
    assert Elements(MARKUP).found  # such as these


@pytest.mark.needs("chromium")
def test_in_a_page_no_script_runs_even_if_one_got_in(tmp_path: Path) -> None:
    page = hostile_page().replace("</body>", DRAWING + MARKUP + "</body>")
    policy = re.compile(r"<meta http-equiv=.Content-Security-Policy.*?>")
    shown = []
    for name, text in (("kept", page), ("without", policy.sub("", page))):
        (tmp_path / f"{name}.html").write_text(text, "utf-8")
        browser = [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path}/{name}",
        ]
        done = subprocess.run(
            [*browser, "--dump-dom", (tmp_path / f"{name}.html").as_uri()],
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        shown.append("<title>owned</title>" in done.stdout)
    assert shown == [False, True]


# Other users


def test_what_a_run_keeps_is_for_its_owner_alone(tmp_path: Path) -> None:
    record = new_record(tmp_path / "state" / "runs", "program")
    assert [path.stat().st_mode & 0o777 for path in (record, record.parent)] == [0o700, 0o700]


def test_a_cache_of_another_user_is_not_believed(tmp_path: Path) -> None:
    folder = Path("/usr")
    if os.getuid() == 0:
        folder = tmp_path / "theirs"
        mine = DiskCache(folder)
        mine.put("key", "what they put there")
        assert DiskCache(folder).get("key") == "what they put there"
        os.chown(folder, SOMEBODY, SOMEBODY)
    theirs = DiskCache(folder)
    theirs.put("other", "what I paid for")
    assert (theirs.get("key"), theirs.get("other")) == (None, None)


def test_an_agent_s_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    with session(tmp_path / "remote", "abc") as place:
        assert [path.stat().st_mode & 0o777 for path in (place, place.parent)] == [0o700, 0o700]


def test_an_agent_that_another_user_put_there_is_not_started(tmp_path: Path) -> None:
    folder = Path("/usr")
    if os.getuid() == 0:
        folder = tmp_path / "theirs"
        folder.mkdir()
        os.chown(folder, SOMEBODY, SOMEBODY)

    class Here(Ssh):
        """A double of a machine: what would run there runs here."""

        def command(self, name: str, lease_s: float, predecessor: str) -> list[str]:
            target = Target("far", "ssh", "far", python=sys.executable, folder=str(folder))
            return ["sh", "-c", shell(target, script(target, [name, str(lease_s)]))]

    with pytest.raises(UnreachableError, match="it is not yours"):
        Machine("far", Here(Target("far", "ssh", "far", folder=str(folder))), sandboxes=())
    assert [path.name for path in tmp_path.glob("theirs/*")] == []


def test_a_server_on_a_port_is_reached_from_this_machine_only() -> None:
    assert _address("5007") == ("127.0.0.1", 5007)


# A hostile model server


class Elsewhere(BaseHTTPRequestHandler):
    """Doubles: an endpoint that sends on to another one, and that other one, which takes what it is sent."""

    to: ClassVar[str] = ""
    heard: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.to and not self.path.startswith("/taken"):
            self.send_response(307)
            self.send_header("Location", self.to)
        else:
            self.heard.append(str(self.headers))
            self.send_response(400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextmanager
def served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_key_goes_to_no_other_endpoint_that_one_points_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with served() as first, served() as second:
        monkeypatch.setattr(Elsewhere, "to", f"{second}/taken")
        monkeypatch.setattr(Elsewhere, "heard", [])
        asked = ModelSettings(model="m", base_url=f"{first}/v1", max_retries=0)

        async def ask() -> None:
            model = OpenAICompatibleModel(asked)
            try:
                await model.complete([Message(Role.USER, "?")])
            finally:
                await model.aclose()

        with pytest.raises(ModelError) as error:
            asyncio.run(ask())
        assert "sk-secret" not in "".join([*Elsewhere.heard, str(error.value)])
