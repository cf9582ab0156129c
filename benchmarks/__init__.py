"""Benchmarks: ratios measured side by side, because machines differ and are shared."""
