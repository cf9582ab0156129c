"""The language server: one file a feature, state in one session, all of it on one event loop."""
