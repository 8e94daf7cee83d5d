"""Splits a long list of captions into windows, and divides a number of keyframes among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from schemas.errors import PermanentError


def windows(
    size: int,
    fits: Callable[[range], bool],
    largest: int | None = None,
    overlap: int = 0,
) -> list[range]:
    """Split the positions 0..size-1 into few consecutive windows of nearly equal length that all fit.

    `fits` says whether a window fits (by its tokens); `largest` limits the length of a window. Each window begins with
    the last `overlap` positions of the window before it, at most half a window. Raises
    PermanentError("prompt_too_long") when a single position does not fit.
    """
    count = 1
    while True:
        cores = [range(i * size // count, (i + 1) * size // count) for i in range(count)]
        split = [range(max(0, core.start - min(overlap, len(core) - 1)), core.stop) for core in cores]
        if all((largest is None or len(window) <= largest) and fits(window) for window in split):
            return split
        if count == size:
            raise PermanentError("prompt_too_long", "a single caption and the reply exceed the model's context")
        count = min(size, max(count + 1, count * 5 // 4))


def shares(total: int, sizes: Sequence[int]) -> list[int]:
    """Whole numbers with the sum `total`, in proportion to `sizes`; cumulative rounding keeps each error below one."""
    whole, done, given = sum(sizes), 0, []
    for size in sizes:
        given.append(total * (done + size) // whole - total * done // whole)
        done += size
    return given
