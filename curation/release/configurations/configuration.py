"""What a configuration of a release is: a name, its columns, and how it makes rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from curation.pipeline.services import Services
from curation.status.standings import Standings
from schemas.manifest import SplitName
from schemas.records import Sample

if TYPE_CHECKING:
    from datasets import Features

Row = dict[str, Any]


class Published(NamedTuple):
    """A sample of the release, with people's edits applied.

    `row`: its row of the configuration `full`; `sheet`: its contact sheet as JPEG bytes, None without pictures.
    """

    sample: Sample
    row: Row
    sheet: bytes | None


class Inputs(NamedTuple):
    """What a configuration may read that does not make its rows from published samples.

    `standings` has the ledger (`standings.view`), all rejections, and the verdicts; `splits` has the split of each
    published sample, by id; `services` gives prompts, settings and pictures, and asks no model; `versions` has the
    latest release with a row of each video that was ever published, this release included.
    """

    standings: Standings
    splits: Mapping[str, SplitName]
    services: Services
    versions: Mapping[str, str] = MappingProxyType({})


class Configuration(NamedTuple):
    """A configuration: `shows` says in a sentence what a row is; `features` are its columns.

    Rows come `of_sample`, for one published sample after the other, or `of_ledger`, once for the whole release; the
    other one is None. Every row has a column `split`, which says in which file it is, and rows come in an order that
    does not change from run to run.
    """

    name: str
    shows: str
    features: Callable[[], Features]
    of_sample: Callable[[Published], Iterable[Row]] | None = None
    of_ledger: Callable[[Inputs], Iterable[Row]] | None = None
