"""An answer as an endpoint sends it: piece by piece, or all at once by one that does not stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jouleline.core.ports import Completion, ModelError

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletionChunk

BYTES_PER_TOKEN: Final = 4
"""A usual ratio for English and code; it is used where an endpoint does not count."""

_STREAM: Final = "text/event-stream"


class BrokenAnswerError(ModelError):
    """An answer began and broke off; another try may succeed. ``tokens`` is about how many had come."""

    def __init__(self, why: str, tokens: int) -> None:
        super().__init__(
            f"the answer broke off after about {tokens} tokens ({why}); ask again, or see the server's log"
        )
        self.tokens = tokens


@dataclass
class _Gathered:
    """What has come of an answer so far; ``thoughts`` counts characters of reasoning, which are not kept."""

    pieces: list[str] = field(default_factory=list)
    thoughts: int = 0
    model: str = ""
    finish: str | None = None
    usage: object = None

    def take(self, chunk: object) -> bool:
        """Add a chunk; whether there is more of the answer than before."""
        self.model = str(getattr(chunk, "model", "") or self.model)
        self.usage = getattr(chunk, "usage", None) or self.usage
        choices = getattr(chunk, "choices", None)
        if not isinstance(choices, list) or not choices:
            return False
        finish = getattr(choices[0], "finish_reason", None)
        self.finish = finish if isinstance(finish, str) else self.finish
        delta = getattr(choices[0], "delta", None)
        piece = getattr(delta, "content", None)
        thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
        if isinstance(piece, str):
            self.pieces.append(piece)
        if isinstance(thought, str):
            self.thoughts += len(thought.encode("utf-8", "replace"))
        return bool(piece or thought)

    @property
    def tokens(self) -> int:
        """About how many tokens have come, reasoning included."""
        size = sum(len(piece.encode("utf-8", "replace")) for piece in self.pieces) + self.thoughts
        return size // BYTES_PER_TOKEN


async def gathered(
    stream: openai.AsyncStream[ChatCompletionChunk], asked: int, heard: Callable[[int], None]
) -> Completion:
    """The whole answer; ``heard`` is told after each piece about how many tokens have come.

    ``asked`` is about how many tokens the question has, for an endpoint that does not count.

    Raises:
        BrokenAnswerError: if it breaks off or stands still.
        ModelError: if what comes is no answer.
    """
    import openai

    async with stream:
        if not stream.response.headers.get("content-type", "").startswith(_STREAM):
            return await _whole(stream, asked)
        found = _Gathered()
        try:
            async for chunk in stream:
                if found.take(chunk):
                    heard(found.tokens)
        except openai.APITimeoutError:
            raise BrokenAnswerError("nothing more came in time", found.tokens) from None
        except openai.APIConnectionError:
            raise BrokenAnswerError("the connection ended", found.tokens) from None
    if found.finish is None:
        raise BrokenAnswerError("it has no end", found.tokens)
    text = "".join(found.pieces)
    return completion(text, found.model, found.finish, found.usage, asked=asked, answered=found.tokens)


async def _whole(stream: openai.AsyncStream[Any], asked: int) -> Completion:
    """The answer of an endpoint that was asked to stream and did not."""
    from openai.types.chat import ChatCompletion

    try:
        data = await stream.response.aread()
    except Exception:  # noqa: BLE001 - whatever the library's HTTP client raises, the answer did not come
        raise BrokenAnswerError("the connection ended", 0) from None
    return of_message(ChatCompletion.construct(**json.loads(data)), asked)


def of_message(answer: object, asked: int) -> Completion:
    """An answer that came at once. ``asked`` as in :func:`gathered`.

    Raises:
        ModelError: if it holds no text.
    """
    # The library does not check what it is sent: any field may be missing or of another type.
    choices = getattr(answer, "choices", None)
    if not isinstance(choices, list) or not choices:
        raise ModelError(
            "the endpoint answered without a choice; check base_url in [model], which usually ends in /v1"
        )
    text = getattr(getattr(choices[0], "message", None), "content", None)
    text = text if isinstance(text, str) else ""
    finish = getattr(choices[0], "finish_reason", None)
    model = str(getattr(answer, "model", "") or "")
    tokens = len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN
    return completion(text, model, finish, getattr(answer, "usage", None), asked=asked, answered=tokens)


def completion(
    text: str, model: str, finish: str | None, usage: object, *, asked: int, answered: int
) -> Completion:
    """The value; ``asked`` and ``answered`` are about how many tokens, where ``usage`` does not say.

    Raises:
        ModelError: if there is no text.
    """
    # JSON can carry half a surrogate pair, which no file, log or further question holds. The other half
    # may have come in the next piece.
    paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    text = paired.encode("utf-8", "replace").decode("utf-8")
    tokens = (getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))
    counted = all(isinstance(one, int) for one in tokens)
    cut = finish == "length"
    if not text.strip() and not cut:
        raise ModelError("the model answered with an empty text; ask again, or another model")
    return Completion(
        text=text,
        model=model,
        tokens_in=tokens[0] if counted else asked,  # type: ignore[arg-type]  # checked above
        tokens_out=tokens[1] if counted else answered,  # type: ignore[arg-type]
        tokens_estimated=not counted,
        cut=cut,
    )
