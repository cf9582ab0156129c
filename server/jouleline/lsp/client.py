"""What the editor at the other end can do."""

from __future__ import annotations

from dataclasses import dataclass

from lsprotocol import types
from pygls.capabilities import get_capability


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
    hover_markdown: bool = True

    @classmethod
    def of(cls, capabilities: types.ClientCapabilities) -> Client:
        """Read what a client said of itself at the start."""

        def has(path: str) -> bool:
            return bool(get_capability(capabilities, path, default=False))

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
            hover_markdown=formats is None or types.MarkupKind.Markdown in formats,
        )
