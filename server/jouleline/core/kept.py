"""Properties that are worked out once, as ``functools.cached_property`` without its lock.

Up to Python 3.11 that takes a lock for each first answer, three times as long as all the rest; from 3.12 on
it has none. A document asks for thousands of them, most of them once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class cached_property(Generic[T]):  # noqa: N801  # it stands for the library's
    """A property whose value is kept in the object's ``__dict__``, where later questions find it first."""

    def __init__(self, worked_out: Callable[[Any], T]) -> None:
        self.worked_out = worked_out
        self.name = worked_out.__name__
        self.__doc__ = worked_out.__doc__

    @overload
    def __get__(self, one: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, one: object, owner: type[Any] | None = None) -> T: ...
    def __get__(self, one: object | None, owner: type[Any] | None = None) -> Self | T:
        if one is None:
            return self
        value = one.__dict__[self.name] = self.worked_out(one)
        return value
