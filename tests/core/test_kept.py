from dataclasses import dataclass, field

from jouleline.core.kept import cached_property


@dataclass(frozen=True)
class _Word:
    letters: str
    asked: list[str] = field(default_factory=list)

    @cached_property
    def length(self) -> int:
        """How many letters it has."""
        self.asked.append(self.letters)
        return len(self.letters)


def test_it_is_worked_out_once_for_each_object() -> None:
    short, long = _Word("i"), _Word("index")
    assert [short.length, long.length, short.length, long.length] == [1, 5, 1, 5]
    assert (short.asked, long.asked) == (["i"], ["index"])


def test_what_is_kept_may_be_given_and_forgotten() -> None:
    word = _Word("j")
    word.__dict__["length"] = 7
    assert word.length == 7
    del word.__dict__["length"]
    assert word.length == 1


def test_the_class_has_the_property_with_its_words() -> None:
    assert _Word.length.__doc__ == "How many letters it has."
