"""Make docs/schemas/jouleline.schema.json of the tables in docs/schemas.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
TABLES: Final = ROOT / "docs" / "schemas.md"
SCHEMA: Final = ROOT / "docs" / "schemas" / "jouleline.schema.json"
_PLAIN: Final = ("string", "number", "integer", "boolean", "null")
_Json = dict[str, Any]


class TableError(ValueError):
    """A table that cannot be read; the message says which and why."""


def schema_of(text: str) -> _Json:
    """The JSON Schema (draft 7) that the tables of a text describe.

    A heading that is a schema's name begins a document, one that is a word a part of documents.

    Raises:
        TableError: if a type is unknown, or a heading has no table.
    """
    tables = {title: _rows(title, body) for title, body in _sections(text)}
    parts = {name: _fields(rows, tables) for name, rows in tables.items()}
    definitions = {_plain(name): _object(name, fields) for name, fields in parts.items()}
    unknown = set(re.findall(r'"#/definitions/([^"]+)"', json.dumps(definitions))) - definitions.keys()
    if unknown:
        raise TableError(f"nothing is called {', '.join(sorted(unknown))}")
    documents = [name for name in tables if "/" in name]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The JSON documents of Jouleline",
        "type": "object",
        "required": ["schema"],
        "properties": {"schema": {"enum": documents}},
        "allOf": [
            {
                "if": {"properties": {"schema": {"const": name}}},
                "then": {"$ref": f"#/definitions/{_plain(name)}"},
            }
            for name in documents
        ],
        "definitions": definitions,
    }


def _sections(text: str) -> list[tuple[str, str]]:
    found = re.split(r"^##+ `?([\w/-]+)`?$", text, flags=re.MULTILINE)[1:]
    return list(zip(found[::2], found[1::2], strict=True))


def _rows(title: str, body: str) -> list[tuple[str, str, str]]:
    cells = [
        re.split(r"\s*\|\s*", line.strip().strip("|").strip())
        for line in body.splitlines()
        if line[:1] == "|"
    ]
    rows = [(row[0].strip("`"), *[*row[1:], ""][:2]) for row in cells[2:]]
    if not rows:
        raise TableError(f"{title} has no table")
    return rows  # type: ignore[return-value] # a row has three cells


def _fields(
    rows: list[tuple[str, str, str]], tables: dict[str, list[tuple[str, str, str]]]
) -> list[tuple[str, str, str]]:
    """The rows with those of other parts in the place of ``all of``."""
    return [
        field for row in rows for field in (_fields(tables[row[1]], tables) if row[0] == "all of" else [row])
    ]


def _object(title: str, fields: list[tuple[str, str, str]]) -> _Json:
    own: dict[str, _Json] = {"schema": {"const": title}} if "/" in title else {}
    for name, kind, meaning in fields:
        own[name.rstrip("?")] = {**_type(kind), **({"description": meaning} if meaning else {})} | (
            own["schema"] if name == "schema" and "/" in title else {}
        )
    required = [name for name, _, _ in fields if not name.endswith("?")]
    return {"type": "object", "required": required, "properties": own}


def _type(kind: str) -> _Json:
    if kind.endswith(" or null"):
        return {"anyOf": [_type(kind.removesuffix(" or null")), {"type": "null"}]}
    if kind.startswith("list of "):
        return {"type": "array", "items": _type(kind.removeprefix("list of "))}
    if kind.startswith("map of "):
        return {"type": "object", "additionalProperties": _type(kind.removeprefix("map of "))}
    if kind.startswith('"'):
        return {"enum": re.findall(r'"([^"]*)"', kind)}
    if kind == "any":
        return {}
    if kind in _PLAIN:
        return {"type": kind}
    if re.fullmatch(r"[A-Z]\w*", kind):
        return {"$ref": f"#/definitions/{kind}"}
    raise TableError(f"{kind!r} is no type")


def _plain(name: str) -> str:
    """``bound`` for ``jouleline/bound/1``: a slash separates in references."""
    return name.split("/")[1] if "/" in name else name


def text_of(schema: _Json) -> str:
    """The file's text."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(text_of(schema_of(TABLES.read_text("utf-8"))), "utf-8")
