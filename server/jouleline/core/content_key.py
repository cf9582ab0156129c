"""One name for what has many parts, by which it is found again."""

from __future__ import annotations

import hashlib


def content_key(*parts: str | bytes) -> str:
    """A key for what depends on all of ``parts`` and nothing else: texts, flags, versions."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()
