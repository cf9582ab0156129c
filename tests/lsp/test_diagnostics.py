"""Energy smells over the wire: pushed, pulled, withdrawn, and never in the way of typing."""

import time
from pathlib import Path
from typing import Any

import pytest

from jouleline.app import contention, memory_smells
from jouleline.lsp.diagnostics import QUIET_S
from jouleline.rules import RULES, Smelling
from tests.lsp.client import FULL, Client, Message, ServerError
from tests.support.asides import asides

SMELLING = """\
__global__ void pick(const float *__restrict__ x, float *__restrict__ y, float scale, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = 0.0f;
    for (int k = 0; k < n; k++)
        sum += x[8 * i] / scale;
    y[i] = 0.1 * sum; // 🚀 ½
}
int main() { pick<<<65536, 256>>>(0, 0, 2.0f, 10); }
"""
CODES = ["uncoalesced-access", "reciprocal", "single-precision"]
PATIENCE_S = 240
"""They come from a process of low priority, on a machine that may be busy."""
PUSHED: dict[str, Any] = {"publishDiagnostics": {"versionSupport": True}}


def taking(text_document: dict[str, Any], **workspace: Any) -> dict[str, Any]:
    return {
        **FULL,
        "workspace": {**FULL["workspace"], **workspace},
        "textDocument": {**FULL["textDocument"], **text_document},
    }


PULLED = taking({**PUSHED, "diagnostic": {}}, diagnostics={"refreshSupport": True})


def pushed(client: Client) -> Message:
    found: Message = client.expect("textDocument/publishDiagnostics", PATIENCE_S)["params"]
    return found


def codes(shown: Message) -> list[str]:
    return [one["code"] for one in shown["diagnostics"]]


def pull(client: Client, uri: str, known: str | None = None) -> Message:
    previous = {"previousResultId": known} if known else {}
    found: Message = client.request("textDocument/diagnostic", {"textDocument": {"uri": uri}, **previous})
    return found


def test_smells_are_marked_with_what_costs_energy_and_what_to_do(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path, taking(PUSHED))
    uri = client.open(tmp_path / "k.cu", SMELLING)
    shown = pushed(client)
    assert (shown["uri"], shown["version"]) == (uri, 1)
    found = {one["code"]: one for one in shown["diagnostics"]}
    assert sorted(found) == sorted(CODES)
    division = found["reciprocal"]
    assert division["range"] == {
        "start": {"line": 4, "character": 8},
        "end": {"line": 4, "character": 32},
    }
    assert (division["severity"], division["source"]) == (3, "jouleline")
    assert division["codeDescription"]["href"].endswith("/docs/rules.md#reciprocal")
    assert division["message"].startswith("A division takes several times the energy of a product")
    wasted = found["uncoalesced-access"]
    assert wasted["range"]["start"] == {"line": 4, "character": 15}
    assert "is x, with an estimated 12% of each sector used" in wasted["message"]
    assert all("`" not in one["message"] for one in shown["diagnostics"])


def test_every_code_leads_to_a_section_of_the_page() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "rules.md").read_text("utf-8")
    codes = [rule.name for rule in RULES if isinstance(rule, Smelling)]
    for code in (*codes, contention.CODE, memory_smells.UNCOALESCED, memory_smells.SPILLS):
        assert f"\n### `{code}`\n" in page


def test_columns_are_in_the_clients_code_units(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path, taking(PUSHED))
    client.open(tmp_path / "k.cu", SMELLING)
    (precision,) = (one for one in pushed(client)["diagnostics"] if one["code"] == "single-precision")
    line = SMELLING.splitlines()[5]
    assert precision["range"]["end"]["character"] == len(line.encode("utf-16-le")) // 2


def test_an_edit_brings_news_once_it_is_quiet(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path, taking(PUSHED))
    uri = client.open(tmp_path / "k.cu", SMELLING)
    assert "single-precision" in codes(pushed(client))
    for version, number in enumerate(("0.2", "0.3", "0.5f"), start=2):
        client.change(uri, version, {"text": SMELLING.replace("0.1", number)})
        time.sleep(QUIET_S / 4)
    shown = pushed(client)
    assert shown["version"] == 4
    assert "single-precision" not in codes(shown)
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert pushed(client)["diagnostics"] == []


def test_hints_are_there_first_and_do_not_wait(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path, taking(PUSHED))
    uri = client.open(tmp_path / "k.cu", SMELLING)
    assert client.hints(uri)
    assert client.drop("textDocument/publishDiagnostics") == []
    pushed(client)


def test_switched_off_nothing_is_marked(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path, taking(PUSHED))
    client.open(tmp_path / "k.cu", SMELLING)
    assert pushed(client)["diagnostics"]
    settings = {"jouleline": {"diagnostics": {"enable": False}}}
    client.notify("workspace/didChangeConfiguration", {"settings": settings})
    assert pushed(client)["diagnostics"] == []
    client.notify(
        "workspace/didChangeConfiguration", {"settings": {"jouleline": {"diagnostics": {"enable": True}}}}
    )
    assert sorted(codes(pushed(client))) == sorted(CODES)


def test_a_client_that_can_be_told_pulls(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path, PULLED)
    uri = client.open(tmp_path / "k.cu", SMELLING)
    assert pull(client, uri) == {"kind": "full", "items": []}
    client.reply(client.expect("workspace/diagnostic/refresh", PATIENCE_S), None)
    first = pull(client, uri)
    assert sorted(one["code"] for one in first["items"]) == sorted(CODES)
    assert pull(client, uri, first["resultId"]) == {"kind": "unchanged", "resultId": first["resultId"]}
    client.change(uri, 2, {"text": SMELLING.replace("0.1", "0.5f")})
    # Nothing is known of the new text yet, and what the editor has is better than nothing.
    assert pull(client, uri, first["resultId"])["kind"] == "unchanged"
    client.reply(client.expect("workspace/diagnostic/refresh", PATIENCE_S), None)
    second = pull(client, uri, first["resultId"])
    assert sorted(one["code"] for one in second["items"]) == ["reciprocal", "uncoalesced-access"]
    assert client.drop("textDocument/publishDiagnostics") == []


def test_a_client_that_cannot_be_told_pulls_nothing_for_it_gets_all(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path, taking({**PUSHED, "diagnostic": {}}))
    uri = client.open(tmp_path / "k.cu", SMELLING)
    assert sorted(codes(pushed(client))) == sorted(CODES)
    assert pull(client, uri) == {"kind": "full", "items": []}


def children(client: Client) -> list[str]:
    """The server's processes that look for smells."""
    assert client.process is not None
    return asides(client.process.pid)


def waiting_for(client: Client) -> str:
    end = time.monotonic() + 60
    while not (found := children(client)):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found[0]


@pytest.mark.parametrize("how", ["edit", "shut down"])
def test_any_change_ends_the_process_that_looks(client: Client, tmp_path: Path, how: str) -> None:
    many = "".join(SMELLING.replace("pick", f"pick{number}") for number in range(60)).replace(
        "int main", "int m"
    )
    client.initialize(tmp_path, taking(PUSHED))
    uri = client.open(tmp_path / "k.cu", many)
    first = waiting_for(client)
    if how == "edit":
        client.change(uri, 2, {"text": SMELLING})
        client.hints(uri)
        end = time.monotonic() + 10
        while first in children(client):
            assert time.monotonic() < end
        assert pushed(client)["version"] == 2
    else:
        client.shut_down()
        assert not Path("/proc", first).exists()


def fixes(client: Client, uri: str, line: int) -> list[Message]:
    return client.actions(uri, line, ["quickfix"])


def applied(text: str, edits: list[Message]) -> str:
    """The text after edits whose lines are plain ASCII."""
    lines = text.splitlines(keepends=True)
    starts = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]

    def offset(place: Message) -> int:
        return starts[place["line"]] + int(place["character"])

    for edit in sorted(edits, key=lambda one: -offset(one["range"]["start"])):
        start, end = offset(edit["range"]["start"]), offset(edit["range"]["end"])
        text = text[:start] + edit["newText"] + text[end:]
    return text


def test_a_smell_with_a_rule_has_its_rewrite_as_a_quick_fix(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path, taking(PUSHED))
    uri = client.open(tmp_path / "k.cu", SMELLING)
    pushed(client)
    (fix,) = fixes(client, uri, 4)
    assert fix["title"] == "Multiply by a reciprocal that is computed once (rounding: last digits may differ)"
    assert [one["code"] for one in fix["diagnostics"]] == ["reciprocal"]
    (change,) = fix["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": uri, "version": 1}
    after = applied(SMELLING, change["edits"])
    assert "    const float inverse_scale = 1.0f / scale;\n    for (int k" in after
    assert "sum += x[8 * i] * inverse_scale;" in after
    assert fixes(client, uri, 1) == []


def test_a_quick_fix_is_made_when_it_is_chosen(client: Client, tmp_path: Path) -> None:
    resolving = {
        "codeAction": {**FULL["textDocument"]["codeAction"], "resolveSupport": {"properties": ["edit"]}}
    }
    client.initialize(tmp_path, taking({**PUSHED, **resolving}))
    uri = client.open(tmp_path / "k.cu", SMELLING)
    pushed(client)
    (fix,) = fixes(client, uri, 5)
    assert "edit" not in fix
    (change,) = client.request("codeAction/resolve", fix)["edit"]["documentChanges"]
    assert "y[i] = 0.1f * sum;" in applied(SMELLING, change["edits"])
    client.change(uri, 2, {"text": SMELLING + "\n"})
    # The bytes it would change may not be there any more.
    assert fixes(client, uri, 5) == []
    with pytest.raises(ServerError, match="the text has changed since") as refused:
        client.request("codeAction/resolve", fix)
    assert refused.value.code == -32801
    pushed(client)
