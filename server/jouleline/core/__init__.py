"""The pure centre: no I/O, no event loop, no protocol types."""
