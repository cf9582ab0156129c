"""Servers that keep hints where a test can see them."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lsp.client import TIMEOUT_S, Client, Message, over_stdio
from tests.lsp.test_configuration import refreshing

REFRESH = "workspace/inlayHint/refresh"
WRONG = "what was told the last time"


@contextmanager
def server(kept: Path) -> Iterator[Client]:
    """A server that keeps hints there; what it asks its editor to refresh at the end does not matter."""
    with over_stdio({"XDG_CACHE_HOME": str(kept.parents[1])}) as client:
        yield client
        if client.process is not None and client.process.poll() is None:
            for method in (REFRESH, "workspace/codeLens/refresh"):
                client.drop(method)
            client.shut_down()


def look(client: Client, kernel: Path, **options: Any) -> list[Message]:
    """Start, open a file and see its hints."""
    client.initialize(kernel.parent, capabilities=refreshing(), options=options)
    return client.hints(client.open(kernel))


def wait_until_kept(kept: Path, files: int = 1) -> list[Path]:
    end = time.monotonic() + TIMEOUT_S
    while len(found := sorted(kept.glob("*.json"))) < files:
        assert time.monotonic() < end, "nothing was kept"
        time.sleep(0.01)
    return found


def kept_in(file: Path) -> list[Message]:
    found: list[Message] = json.loads(file.read_text())["hints"]
    return found


def falsify(file: Path) -> None:
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "hints": [{**hint, "label": WRONG} for hint in kept["hints"]]}))


def labels(hints: list[Message]) -> set[str]:
    return {hint["label"] for hint in hints}
