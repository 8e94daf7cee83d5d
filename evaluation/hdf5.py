"""Reads HDF5 files from anybody: what the library raises for broken ones, and arrays no larger than a video's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BROKEN_HDF5: tuple[type[Exception], ...] = (
    *(OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError, SystemError),
)
"""h5py raises these for broken files, and a reader for contents that are not those of its form."""
MOST_FRAMES = 2**40
MOST_BYTES = 2**30  # an array of one video; the features of eccv16's longest one have 5 MB


def array_of(item: Any) -> NDArray[Any]:
    """All values of a dataset. Raises ValueError for one that is none, or larger than MOST_BYTES.

    A file of some kilobytes can state a dataset of terabytes, which HDF5 fills with zeros.
    """
    import h5py

    if not isinstance(item, h5py.Dataset):
        raise ValueError(f"{item.name} is no dataset")
    if (size := item.size or 0) * max(1, item.dtype.itemsize) > MOST_BYTES:
        raise ValueError(f"{item.name} has {size} values, more than a video can have")
    return np.asarray(item[()])


def integers_of(values: Any) -> NDArray[np.int64]:
    """Numbers of frames as whole numbers. Raises ValueError for what is no number, or no frame of any video."""
    table = np.asarray(values)
    if table.dtype.kind not in "biuf":
        raise ValueError(f"numbers of frames are of the type {table.dtype}")
    if table.size and not (np.abs(table.astype(np.float64)) < MOST_FRAMES).all():  # NaN is not, either
        raise ValueError("numbers of frames that no video has")
    return table.astype(np.int64)
