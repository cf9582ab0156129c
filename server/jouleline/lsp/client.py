"""What the editor at the other end can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lsprotocol import types

# By the names that editors built on VS Code go by; no capability tells who draws a data URI.
_SHOW_PICTURES: Final = ("visual studio code", "code-server", "code - oss", "vscodium", "cursor", "windsurf")


@dataclass(frozen=True)
class Client:
    """The capabilities that change what we send."""

    configuration: bool = False
    configuration_registration: bool = False
    watch_registration: bool = False
    refresh_hints: bool = False
    refresh_lenses: bool = False
    progress: bool = False
    show_document: bool = False
    document_changes: bool = False
    annotations: bool = False
    code_action_literals: bool = False
    resolved_edits: bool = False
    hover_markdown: bool = True
    hover_pictures: bool = False
    nested_symbols: bool = False
    pushed_diagnostics: bool = False
    pulled_diagnostics: bool = False
    """It asks for diagnostics, and can be told to ask again; then none are pushed."""

    @classmethod
    def of(cls, capabilities: types.ClientCapabilities, name: str = "") -> Client:
        """Read what a client said of itself at the start."""
        from lsprotocol import types  # the first hints are given before there is time for it
        from pygls.capabilities import get_capability

        def has(path: str) -> bool:
            return bool(get_capability(capabilities, path, default=False))

        resolved = get_capability(
            capabilities, "text_document.code_action.resolve_support.properties", default=()
        )
        pulls = get_capability(capabilities, "text_document.diagnostic", default=None) is not None
        pulled = pulls and has("workspace.diagnostics.refresh_support")
        pushes = get_capability(capabilities, "text_document.publish_diagnostics", default=None) is not None
        formats = get_capability(capabilities, "text_document.hover.content_format", default=None)
        return cls(
            configuration=has("workspace.configuration"),
            configuration_registration=has("workspace.did_change_configuration.dynamic_registration"),
            watch_registration=has("workspace.did_change_watched_files.dynamic_registration"),
            refresh_hints=has("workspace.inlay_hint.refresh_support"),
            refresh_lenses=has("workspace.code_lens.refresh_support"),
            progress=has("window.work_done_progress"),
            show_document=has("window.show_document.support"),
            document_changes=has("workspace.workspace_edit.document_changes"),
            # An empty object is support too, and an empty object is not false.
            annotations=get_capability(
                capabilities, "workspace.workspace_edit.change_annotation_support", default=None
            )
            is not None,
            code_action_literals=get_capability(
                capabilities, "text_document.code_action.code_action_literal_support", default=None
            )
            is not None,
            resolved_edits="edit" in resolved,
            hover_pictures=any(one in name.lower() for one in _SHOW_PICTURES),
            nested_symbols=has("text_document.document_symbol.hierarchical_document_symbol_support"),
            pushed_diagnostics=pushes and not pulled,
            pulled_diagnostics=pulled,
            hover_markdown=formats is None or types.MarkupKind.Markdown in formats,
        )
