from collections.abc import Iterator

import pytest

from tests.support.openai_server import KEY, Double, openai_double


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with openai_double() as served:
        yield served
