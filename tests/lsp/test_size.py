"""Many files, and long ones."""

from pathlib import Path

from tests.lsp.client import Client

PROGRAM = """\
__global__ void scale_{n}(float *a, int n) {{
  for (int i = 0; i < n; i++) a[threadIdx.x] *= {n}.5f;
}}
int main() {{ scale_{n}<<<{n}, 256>>>(nullptr, 4096); }}
"""
FILES = 100


def test_a_hundred_files_are_open(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path)
    uris = []
    for number in range(FILES):
        path = tmp_path / f"program{number}.cu"
        path.write_text(PROGRAM.format(n=number), "utf-8")
        uris.append(client.open(path))
    for uri in uris:
        assert [hint["position"]["line"] for hint in client.hints(uri)] == [0, 3]
    start = {"line": 0, "character": 0}
    for uri in uris[::10]:
        client.change(uri, 2, {"range": {"start": start, "end": start}, "text": "// one line more\n"})
        assert [hint["position"]["line"] for hint in client.hints(uri)] == [1, 4]
    for number, uri in enumerate(uris):
        shown = client.hover(uri, 0 if number % 10 else 1, 18)
        assert shown is not None
        assert f"scale_{number}(float*, int)" in shown
    for uri in uris:
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert client.hints(uris[0]) == []


def test_a_file_of_fifty_thousand_lines_has_hints_where_one_looks_and_types(
    client: Client, tmp_path: Path
) -> None:
    client.initialize(tmp_path)
    kernel = PROGRAM.split("int main", maxsplit=1)[0]
    text = "".join(kernel.format(n=number) + "// \n" * 16 for number in range(2_500))
    assert text.count("\n") >= 47_000
    uri = client.open(tmp_path / "long.cu", text)
    place = {"line": 19 * 2_000 + 1, "character": 0}
    assert len(client.hints(uri, place["line"] - 30, place["line"] + 30)) == 3
    for version in range(2, 6):
        client.change(uri, version, {"range": {"start": place, "end": place}, "text": "\n"})
        hints = client.hints(uri, place["line"] - 30, place["line"] + 30)
        assert [hint["position"]["line"] for hint in hints] == [
            place["line"] - 20,
            place["line"] - 1,
            place["line"] + 17 + version,
        ]
    assert "scale_2000(float*, int)" in (client.hover(uri, place["line"] - 1, 18) or "")
