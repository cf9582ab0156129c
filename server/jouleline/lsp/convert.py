"""Between core's bytes and the protocol's types: no other module translates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lsprotocol import types

from jouleline.core.source import Edit, Encoding, SourceText

from .texts import to_bytes

_ENCODINGS: Final[Mapping[str, Encoding]] = {"utf-8": "utf-8", "utf-16": "utf-16", "utf-32": "utf-32"}
ANNOTATION: Final = "jouleline.energy"


def encoding_of(kind: types.PositionEncodingKind | str | None) -> Encoding:
    """The encoding that was agreed on; UTF-16 is the protocol's default."""
    return _ENCODINGS.get(str(getattr(kind, "value", kind)), "utf-16")


def to_position(text: SourceText, offset: int, encoding: Encoding) -> types.Position:
    """The position of a byte offset."""
    line, character = text.position(offset, encoding)
    return types.Position(line=line, character=character)


def to_offset(text: SourceText, position: types.Position, encoding: Encoding) -> int:
    """The byte offset of a position, clamped to its line and to the text."""
    return text.offset(text.point_at(position.line, position.character, encoding))


def to_range(text: SourceText, start: int, end: int, encoding: Encoding) -> types.Range:
    """The range of the bytes ``start:end``."""
    return types.Range(start=to_position(text, start, encoding), end=to_position(text, end, encoding))


def to_offsets(text: SourceText, asked: types.Range, encoding: Encoding) -> tuple[int, int]:
    """The byte offsets of a range."""
    return to_offset(text, asked.start, encoding), to_offset(text, asked.end, encoding)


def changed(
    text: SourceText, changes: Iterable[types.TextDocumentContentChangeEvent], encoding: Encoding
) -> SourceText:
    """The text after the changes of one notification, each meant for the text after the one before."""
    for change in changes:
        data = to_bytes(change.text)
        if isinstance(change, types.TextDocumentContentChangePartial):
            start, end = to_offsets(text, change.range, encoding)
            edit = Edit(start, max(start, end), data)
            text = text.edited(edit, text.data[: edit.start] + data + text.data[edit.end :])
        else:
            text = SourceText(data)
    return text


def to_text_edits(text: SourceText, edits: Iterable[Edit], encoding: Encoding) -> list[types.TextEdit]:
    """Byte edits of a text as the protocol's edits.

    Raises:
        UnicodeDecodeError: if a replacement is not UTF-8, which the protocol cannot carry.
    """
    return [
        types.TextEdit(
            range=to_range(text, edit.start, edit.end, encoding),
            new_text=edit.replacement.decode("utf-8"),
        )
        for edit in edits
    ]


def one_edit(text: SourceText, edits: Sequence[Edit]) -> Edit:
    """The edit of the bytes from the first to the last that ``edits``, at least one, change."""
    changed = text.apply(edits).data
    start, end = min(edit.start for edit in edits), max(edit.end for edit in edits)
    return Edit(start, end, changed[start : len(changed) - (len(text.data) - end)])


def plain_edit(edits: Mapping[str, Sequence[types.TextEdit]]) -> types.WorkspaceEdit:
    """Edits by URI, for clients that know no versions."""
    return types.WorkspaceEdit(changes=edits)


def versioned_edit(
    edits: Mapping[str, Sequence[types.TextEdit | types.AnnotatedTextEdit]],
    versions: Mapping[str, int | None],
) -> types.WorkspaceEdit:
    """Edits by URI, each for one version of its document (None: as it is on disk)."""
    return types.WorkspaceEdit(
        document_changes=[
            types.TextDocumentEdit(
                text_document=types.OptionalVersionedTextDocumentIdentifier(
                    uri=uri, version=versions.get(uri)
                ),
                edits=found,
            )
            for uri, found in edits.items()
        ]
    )


def annotated_edit(
    edits: Mapping[str, Sequence[types.TextEdit]],
    versions: Mapping[str, int | None],
    label: str,
    description: str,
) -> types.WorkspaceEdit:
    """Versioned edits that carry one annotation, to be confirmed as a whole.

    What was measured is the whole candidate, so its parts have no annotations of their own.
    """
    marked = {
        uri: [
            types.AnnotatedTextEdit(annotation_id=ANNOTATION, range=edit.range, new_text=edit.new_text)
            for edit in found
        ]
        for uri, found in edits.items()
    }
    whole = versioned_edit(marked, versions)
    whole.change_annotations = {
        ANNOTATION: types.ChangeAnnotation(label=label, description=description, needs_confirmation=True)
    }
    return whole
