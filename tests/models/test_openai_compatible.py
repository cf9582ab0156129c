"""A chat model over real HTTP on loopback: what is sent, what comes back, and each error as one sentence."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from jouleline.core.model_settings import ModelSettings
from jouleline.core.ports import (
    Completion,
    Message,
    ModelError,
    ModelUnavailableError,
    Role,
    Sampling,
)
from jouleline.models.openai_compatible import OpenAICompatibleModel
from tests.support.openai_server import KEY, MODEL, Double, Reply, refused, said

QUESTION = (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Compute or Bandwidth?"))


def ask(settings: ModelSettings, sampling: Sequence[Sampling] = (Sampling(),)) -> list[Completion]:
    async def asked() -> list[Completion]:
        model = OpenAICompatibleModel(settings)
        try:
            # All of them: one that is still under way when the model is closed would keep its connection.
            every = await asyncio.gather(
                *(model.complete(QUESTION, one) for one in sampling), return_exceptions=True
            )
            for one in every:
                if isinstance(one, BaseException):
                    raise one
            return [one for one in every if isinstance(one, Completion)]
        finally:
            await model.aclose()

    return asyncio.run(asked())


def settings(double: Double, **changes: Any) -> ModelSettings:
    return ModelSettings(**{"model": "m", "base_url": double.url, "max_retries": 2, **changes})


def test_a_question_goes_out_with_its_parameters_and_the_answer_comes_with_its_tokens(double: Double) -> None:
    asked = settings(double, temperature=0.5, max_tokens=300, extra={"reasoning_effort": "high"})
    (completion,) = ask(asked)
    assert completion == Completion("Bandwidth", MODEL, 100, 5)
    assert double.asked == [
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Compute or Bandwidth?"},
            ],
            "temperature": 0.5,
            "max_tokens": 300,
            "reasoning_effort": "high",
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]
    assert double.keys == [f"Bearer {KEY}"]


def test_what_nobody_chose_is_left_to_the_endpoint(double: Double) -> None:
    ask(settings(double))
    assert set(double.asked[0]) == {"model", "messages", "stream", "stream_options"}


def test_a_sampling_comes_before_the_settings(double: Double) -> None:
    ask(settings(double, temperature=0.5), [Sampling(temperature=1.0, max_tokens=7)])
    assert (double.asked[0]["temperature"], double.asked[0]["max_tokens"]) == (1.0, 7)


def test_a_rate_limit_is_waited_out(double: Double) -> None:
    replies = iter([refused(429, "slow down"), refused(500, "hiccup"), said("Compute")])
    double.answer = lambda _: next(replies)
    assert ask(settings(double))[0].text == "Compute"
    assert len(double.asked) == 3


@pytest.mark.parametrize(
    ("reply", "kind", "sentence"),
    [
        (refused(401, f"Incorrect API key provided: {KEY}"), ModelUnavailableError, "refuses the key (401)"),
        (refused(403, "no"), ModelUnavailableError, "refuses the key (403)"),
        (refused(404, "no such model"), ModelUnavailableError, "knows no model 'm'"),
        (refused(429, "slow down"), ModelError, "still refuses after 2 retries"),
        (refused(429, "pay", code="insufficient_quota"), ModelUnavailableError, "quota is used up"),
        (refused(400, f"temperature is not for {KEY}"), ModelError, "temperature is not for [key]"),
        (refused(500, "broken"), ModelError, "answered 500"),
        (Reply(body=b"{not json"), ModelError, "usually ends in /v1"),
        (Reply(body=[1, 2]), ModelError, "usually ends in /v1"),
        (Reply(body={"choices": []}), ModelError, "without a choice"),
        (Reply(body={"choices": [None]}), ModelError, "empty text"),
        (Reply(body={"choices": [{"message": {"content": 5}}]}), ModelError, "empty text"),
        (
            Reply(body=b"<html>log in</html>", headers=(("content-type", "text/html"),)),
            ModelError,
            "usually ends in /v1",
        ),
        (said(" "), ModelError, "empty text"),
    ],
)
def test_each_error_is_one_sentence_without_the_key(
    double: Double, reply: Reply, kind: type[ModelError], sentence: str
) -> None:
    double.answer = lambda _: reply
    with pytest.raises(ModelError) as error:
        ask(settings(double))
    assert type(error.value) is kind
    assert sentence in str(error.value)
    assert KEY not in str(error.value)
    assert "\n" not in str(error.value)
    shown = error.value.__cause__ or (None if error.value.__suppress_context__ else error.value.__context__)
    assert shown is None, "a traceback would show what the library says"


def test_a_slow_answer_is_given_up(double: Double) -> None:
    double.answer = lambda _: Reply(body={}, delay_s=1.0)
    with pytest.raises(ModelError, match=r"no answer within 0\.1 s; raise timeout_s"):
        ask(settings(double, timeout_s=0.1, max_retries=0))


def test_nobody_listening_is_said_so() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        with pytest.raises(ModelUnavailableError, match=r"cannot be reached; check base_url"):
            ask(ModelSettings("m", base_url=address, max_retries=0))


def test_no_more_requests_are_under_way_than_allowed(double: Double) -> None:
    reply = said("Compute")
    double.answer = lambda _: replace(reply, delay_s=0.05)
    ask(settings(double, parallel=2), [Sampling(number=number) for number in range(8)])
    assert len(double.asked) == 8
    assert double.most_at_once == 2


def test_the_money_budget_is_kept_at_the_configured_prices(double: Double) -> None:
    priced = settings(double, price_in=1000.0, price_out=2000.0, max_tokens=50, parallel=1)
    (completion,) = ask(priced)
    assert completion.cost == pytest.approx((100 * 1000 + 5 * 2000) / 1e6)
    with pytest.raises(ModelUnavailableError, match=r"the money budget of 0\.2 would be exceeded"):
        ask(replace(priced, money_budget=0.2), (Sampling(number=0), Sampling(number=1)))


def test_the_token_budget_is_kept(double: Double) -> None:
    double.answer = lambda _: said("Compute", tokens=(9, 50))
    draws = [Sampling(number=number) for number in range(20)]
    with pytest.raises(ModelUnavailableError, match=r"token budget of 500 would be exceeded"):
        ask(settings(double, token_budget=500, parallel=3, max_tokens=50), draws)
    assert 59 <= len(double.asked) * 59 <= 500


def test_tokens_are_guessed_and_called_so_where_the_endpoint_does_not_count(double: Double) -> None:
    double.answer = lambda _: said("Compute.", tokens=None)
    (completion,) = ask(settings(double))
    assert (completion.tokens_in, completion.tokens_out, completion.tokens_estimated) == (7, 2, True)


def test_an_answer_that_met_its_limit_says_so(double: Double) -> None:
    double.answer = lambda _: said("Let me see", finish="length")
    assert ask(settings(double))[0].cut


def test_cancelling_drops_the_request(double: Double) -> None:
    double.answer = lambda _: Reply(body={}, delay_s=0.5)

    async def cancelled() -> None:
        model = OpenAICompatibleModel(settings(double))
        try:
            await asyncio.wait_for(model.complete(QUESTION), 0.1)
        finally:
            await model.aclose()

    with pytest.raises(TimeoutError):
        asyncio.run(cancelled())


def test_a_command_can_print_the_key(double: Double) -> None:
    ask(settings(double, api_key_command=f"{sys.executable} -c \"print('from-a-vault')\""))
    assert double.keys == ["Bearer from-a-vault"]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (f"{sys.executable} -c \"import sys; print('{KEY}'); sys.exit(3)\"", "exit code 3 and a key"),
        (f"{sys.executable} -c ''", "exit code 0 and no key"),
        ("no-such-program-here", "cannot be run: FileNotFoundError"),
        ("'", "cannot be run: ValueError"),
        (f"{sys.executable} -c \"print('two words')\"", "is no key"),
    ],
)
def test_a_command_without_a_key_is_named_and_its_output_is_not_shown(
    double: Double, command: str, sentence: str
) -> None:
    with pytest.raises(ModelUnavailableError) as error:
        ask(settings(double, api_key_command=command))
    assert sentence in str(error.value)
    assert KEY not in str(error.value)
    assert double.asked == []


def test_a_local_endpoint_needs_no_key(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert ask(settings(double))[0].text == "Bandwidth"


def test_openai_is_not_asked_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelUnavailableError, match=r"set the environment variable OPENAI_API_KEY"):
        ask(ModelSettings("m"))


def test_the_identity_tells_models_and_parameters_apart_and_holds_no_key() -> None:
    one = OpenAICompatibleModel(ModelSettings("m"))
    others = [
        ModelSettings("n"),
        ModelSettings("m", base_url="http://localhost/v1"),
        ModelSettings("m", temperature=0.0),
        ModelSettings("m", max_tokens=5),
        ModelSettings("m", extra={"seed": 1}),
    ]
    assert len({one.identity, *(OpenAICompatibleModel(other).identity for other in others)}) == 6
    assert one.identity == OpenAICompatibleModel(ModelSettings("m", timeout_s=5, parallel=1)).identity


def test_half_a_character_becomes_a_question_mark(double: Double) -> None:
    double.answer = lambda _: said("// \ud83d Compute", tokens=None)
    (completion,) = ask(settings(double))
    assert completion.text == "// ? Compute"


LONG = said("let me see: " * 60, tokens=(100, 50))


def listened(settings: ModelSettings) -> tuple[Completion, list[int]]:
    """An answer, and what was heard of it while it came."""
    heard: list[int] = []

    async def asked() -> Completion:
        model = OpenAICompatibleModel(settings)
        try:
            return await model.complete(QUESTION, Sampling(), heard.append)
        finally:
            await model.aclose()

    return asyncio.run(asked()), heard


def test_an_answer_is_heard_while_it_comes(double: Double) -> None:
    double.answer = lambda _: LONG
    answer, heard = listened(settings(double))
    assert answer == Completion("let me see: " * 60, MODEL, 100, 50)
    assert heard == [45, 90, 135, 180]  # bytes over four, until the endpoint says how many tokens it was


def test_an_answer_that_goes_on_may_take_longer_than_the_endpoint_may_be_silent(double: Double) -> None:
    double.answer = lambda _: replace(LONG, pieces=8, pause_s=0.1)
    answer, _ = listened(settings(double, timeout_s=0.6, max_retries=0))
    assert answer.tokens_out == 50


@pytest.mark.parametrize("broken", [replace(LONG, breaks=True), replace(LONG, abrupt=True)])
def test_an_answer_that_breaks_off_is_asked_for_again(double: Double, broken: Reply) -> None:
    replies = iter([broken, LONG])
    double.answer = lambda _: next(replies)
    answer, _ = listened(settings(double))
    assert answer.text == "let me see: " * 60
    assert len(double.asked) == 2
    double.answer = lambda _: broken
    with pytest.raises(ModelError, match=r"broke off after about 90 tokens \((it has no end|the connection)"):
        listened(settings(double, max_retries=0))


def test_answers_that_break_off_are_paid_for(double: Double) -> None:
    double.answer = lambda _: replace(LONG, breaks=True)
    with pytest.raises(ModelUnavailableError, match=r"token budget of 100 would be exceeded \(97 spent\)"):
        listened(settings(double, token_budget=100, max_retries=5))


def test_an_answer_that_stands_still_is_given_up(double: Double) -> None:
    double.answer = lambda _: replace(LONG, pause_s=0.5)
    with pytest.raises(ModelError, match=r"broke off after about 0 tokens \(nothing more came in time\)"):
        listened(settings(double, timeout_s=0.1, max_retries=0))


def test_a_whole_answer_has_its_time(double: Double) -> None:
    double.answer = lambda _: replace(LONG, pieces=50, pause_s=0.1)
    with pytest.raises(ModelError, match=r"not done with its answer after 1 s; raise answer_s"):
        listened(settings(double, answer_s=1.0, max_retries=3))
    assert len(double.asked) == 1


@pytest.mark.parametrize(("unknown", "requests"), [("stream_options", 2), ("stream", 3)])
def test_an_endpoint_that_knows_no_stream_is_asked_without(
    double: Double, unknown: str, requests: int
) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        return refused(400, f"Unsupported parameter: {unknown}") if unknown in body else said("Compute")

    async def two() -> list[Completion]:
        model = OpenAICompatibleModel(settings(double))
        try:
            return [await model.complete(QUESTION) for _ in range(2)]
        finally:
            await model.aclose()

    double.answer = answer
    answers = asyncio.run(two())
    assert [one.text for one in answers] == ["Compute", "Compute"]
    assert answers[0].tokens_estimated is (unknown == "stream_options")
    assert len(double.asked) == requests + 1, "what was found out once is not tried again"


def test_an_endpoint_that_is_asked_for_a_stream_and_gives_none_is_understood(double: Double) -> None:
    body = json.dumps(said("Compute").body).encode()
    double.answer = lambda _: Reply(body=body)
    assert listened(settings(double)) == (Completion("Compute", MODEL, 100, 5), [])


def test_an_error_in_the_middle_of_a_stream_is_one_sentence(double: Double) -> None:
    event = json.dumps({"error": {"message": f"overloaded, {KEY}"}}).encode()
    stream = Reply(body=b"data: " + event + b"\n\n", headers=(("content-type", "text/event-stream"),))
    double.answer = lambda _: stream
    with pytest.raises(ModelError, match=r"ended its answer with an error: overloaded, \[key\]"):
        listened(settings(double))


def test_a_character_whose_halves_come_apart_is_whole(double: Double) -> None:
    double.answer = lambda _: replace(said("\ud83d\ude00"), pieces=2)
    assert listened(settings(double))[0].text == "\N{GRINNING FACE}"
