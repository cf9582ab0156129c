"""``make bench``: the document path, latency beside clangd, throughput, edits, the loop, machines far away.

Programs are the samples, or every program folder below the one that JOULELINE_CORPUS names (a
checkout of HeCBench's ``src``, say); of these, where JOULELINE_LABELS names a file of labels, those
that it has kernels of. Latency is measured in generated files, and in a real one if it
is there.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from jouleline.app.program import read_program

from . import document, edits, fleet, generated, loop, metering, remote, servers, throughput

LINES = 3000
REAL = Path("lulesh-cuda", "lulesh.cu")
"""In the corpus: kernels of twelve to more than two hundred lines, and a ``main`` of a thousand."""
SAMPLES = Path(__file__).parent.parent / "samples"


def main() -> int:
    corpus = Path(os.environ.get("JOULELINE_CORPUS") or SAMPLES)
    if not corpus.is_dir():
        print(f"JOULELINE_CORPUS={corpus}: no such folder", file=sys.stderr)
        return 2
    labels = os.environ.get("JOULELINE_LABELS")
    programs = throughput.program_folders(corpus, Path(labels) if labels else None)
    real = corpus / REAL if (corpus / REAL).is_file() else None
    documents = {"generated.cu": document.measure({"generated.cu": generated.program(LINES)}, "generated.cu")}
    if real is not None:
        documents[real.name] = document.measure(read_program([real.parent]).files, real.name)
    results: dict[str, Any] = {
        "schema": "jouleline/bench/1",
        "document": documents,
        "servers": servers.measure(real=real),
        "throughput": throughput.measure(programs),
        "edits": edits.measure(programs),
        "metering": metering.measure(),
        "loop": loop.measure(SAMPLES / "dot-omp"),
        "remote": remote.measure(),
        "fleet": fleet.measure(),
    }
    print(servers.table(results["servers"]), file=sys.stderr)
    json.dump(results, sys.stdout, indent=2)
    print()
    return 0


sys.exit(main())
