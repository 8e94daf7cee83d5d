"""A property that threads share: computed once, by the first thread that reads it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

from schemas.errors import ConfigError, RunStopped

T = TypeVar("T")


class shared_property(Generic[T]):
    """A cached property for threads: the first thread computes the value, the others wait for it.

    A failure that ends the run is remembered and raised in every thread at once. Otherwise each thread would try, and
    wait, one after the other. (functools.cached_property has no lock from Python 3.12 on.)
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        """Decorate a method without further arguments."""
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        """Store the name of the property."""
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Self | T:
        """The value. Raises the error of its computation."""
        if instance is None:
            return self
        kept = instance.__dict__
        states: dict[str, _State] = kept.setdefault("_once", {})
        state = states.setdefault(self._name, _State())
        with state.lock:
            if self._name in kept:
                found: T = kept[self._name]
                return found
            if state.failure is not None:
                raise state.failure
            try:
                made = self._make(instance)
            except (RunStopped, ConfigError) as error:
                state.failure = error
                raise
            kept[self._name] = made
            return made


class _State:
    """The lock of one value, and the failure to compute it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.failure: RunStopped | ConfigError | None = None
