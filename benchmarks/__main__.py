"""``make bench``: the document path, latency beside clangd, throughput, edits, the loop, machines far away.

Programs are the samples, or every program folder below the one that JOULELINE_CORPUS names (a
checkout of HeCBench's ``src``, say).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from . import document, edits, fleet, generated, loop, metering, remote, servers, throughput

LINES = 3000
SAMPLES = Path(__file__).parent.parent / "samples"


def main() -> int:
    corpus = Path(os.environ.get("JOULELINE_CORPUS") or SAMPLES)
    if not corpus.is_dir():
        print(f"JOULELINE_CORPUS={corpus}: no such folder", file=sys.stderr)
        return 2
    programs = throughput.program_folders(corpus)
    text = generated.program(LINES)
    results = {
        "schema": "jouleline/bench/1",
        "document": document.measure(text),
        "servers": servers.measure(),
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
