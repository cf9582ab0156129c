"""docs/schemas.md describes every JSON document, for people and for machines alike."""

from __future__ import annotations

import json
import re
from typing import Any

import fastjsonschema
import pytest

from jouleline.app.energy_study import study_json
from jouleline.core.energy_study import Trial
from tests.support.documents import ROOT, read
from tests.support.schemas import check
from tools.schemas import SCHEMA, TableError, schema_of, text_of


def kinds() -> set[str]:
    """The kinds of document that the program knows of."""
    texts = (path.read_text("utf-8") for path in (ROOT / "server" / "jouleline").rglob("*.py"))
    return {kind for text in texts for kind in re.findall(r'"(jouleline/[\w-]+/\d+)"', text)}


KEPT = {"jouleline/energy-record/1", "jouleline/event/1", "jouleline/host/1", "jouleline/job/1"}
"""Files of JSON lines, and two that nobody else reads."""


def test_the_schema_is_that_of_the_tables() -> None:
    assert SCHEMA.read_text("utf-8") == text_of(schema_of(read("docs/schemas.md"))), "run `make schemas`"


def test_every_document_is_described() -> None:
    described = set(json.loads(SCHEMA.read_text("utf-8"))["properties"]["schema"]["enum"])
    assert described == kinds() - KEPT


def test_documents_that_are_kept_here_are_as_described() -> None:
    check(json.loads(read("docs/results/measuring.json")))
    lines = re.findall(r'^\{"line":"result".*', read("docs/measuring.md"), re.MULTILINE)
    for line in lines:
        check({**json.loads(line)["document"], "samples": [], "warm_up": []})


def test_an_energy_study_is_as_described() -> None:
    trials = [
        Trial("dot", "rules", 0, passed=True, reduction=0.2, low=0.1, high=0.3, provenance="modelled"),
        Trial("dot", "rules", 1, passed=False, reduction=0.0, failure="output"),
    ]
    check(json.loads(json.dumps(study_json(trials, None))))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"findings": 1}, "must be array"),
        ({"more": 1}, "must not contain"),
        ({"schema": "jouleline/doctor/2"}, "must be one of"),
        ({"findings": [{"kind": "meter"}]}, "must contain"),
    ],
)
def test_what_is_not_as_described_is_noticed(change: dict[str, Any], said: str) -> None:
    document = {"schema": "jouleline/doctor/1", "findings": []}
    check(document)
    with pytest.raises(fastjsonschema.JsonSchemaException, match=said):
        check({**document, **change})


def test_users_may_meet_fields_that_they_do_not_know() -> None:
    accepts = fastjsonschema.compile(json.loads(SCHEMA.read_text("utf-8")))
    accepts({"schema": "jouleline/doctor/1", "findings": [], "newer": 1})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("## `jouleline/x/1`\n\nnone\n", "has no table"),
        ("### X\n\n| field | type | meaning |\n| --- | --- | --- |\n| `a` | text | |\n", "'text' is no type"),
        ("### X\n\n| field | type | meaning |\n| --- | --- | --- |\n| `a` | Y | |\n", "nothing is called Y"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(table: str, said: str) -> None:
    with pytest.raises(TableError, match=said):
        schema_of(table)
