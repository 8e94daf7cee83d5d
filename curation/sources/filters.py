"""Filters: pure functions that judge a video by its publisher's metadata and by its file.

A score is stored for every filter that is not disabled; only an enabled filter refuses a video. The `detail` of a
failed score begins with its reason slug: `too_short: 12.0 s, at least 40.0 s`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from curation.sources.addresses import canonical, youtube_id
from schemas.configuration.config import FilterConfig, ListFilter, RangeFilter
from schemas.errors import RefusedError
from schemas.records import FilterScore, Publication, Source, Video
from schemas.secret_addresses import without_secrets


def judge_publication(
    source: Source,
    publication: Publication,
    config: FilterConfig,
    *,
    duration: float | None = None,
    height: int | None = None,
) -> tuple[FilterScore, ...]:
    """Judge what is known without the file: licence, language, live, block list.

    Where the publisher says nothing, the `licence`, `language`, `channel` and `channel_id` of the list's row are used.
    `duration` (seconds) and `height` (pixels) are judged only where the publisher announces them (not None).
    """
    scores: list[FilterScore] = []
    if duration is not None:
        scores += range_score("duration", duration, config.duration, "too_short", "too_long", " s")
    if height is not None:
        scores += range_score("height", height, config.height, "resolution", "resolution", " px")
    row = source.metadata
    licence = publication.licence or row.get("licence")
    language = publication.language or row.get("language")
    scores += _listed("licence", licence, _folded([licence]), config.licence, "licence_not_allowed")
    scores += _listed("language", language, _language_tags(language), config.language, "language")
    if config.live.mode != "disable":
        live = bool(publication.live)
        detail = "live: the stream has not ended, or has not begun" if live else ""
        enforced = config.live.mode == "enable"
        scores.append(
            FilterScore(name="live", value=publication.live, passed=not live, enforced=enforced, detail=detail)
        )
    scores += _blocklist(source, publication, config.blocklist)
    return tuple(scores)


def judge_video(video: Video, config: FilterConfig) -> tuple[FilterScore, ...]:
    """Judge what the probe measured: the duration in seconds and the displayed height in pixels.

    A file whose container states no duration passes with the value None: the duration is known once its frames are
    sampled.
    """
    duration = range_score("duration", video.duration, config.duration, "too_short", "too_long", " s")
    return (*duration, *range_score("height", video.height, config.height, "resolution", "resolution", " px"))


def refuse(scores: Sequence[FilterScore]) -> None:
    """Raise RefusedError when an enforced filter failed.

    The reason is the slug of the first filter that failed; the evidence holds what each failed filter measured.
    """
    failed = [score for score in scores if score.enforced and not score.passed]
    if failed:
        evidence = "; ".join(f"{score.name}: {score.detail.partition(': ')[2]}" for score in failed)
        raise RefusedError(failed[0].detail.partition(":")[0], evidence)


def range_score(
    name: str, value: float | None, limits: RangeFilter, below: str, above: str, unit: str
) -> Iterable[FilterScore]:
    """The score of a value with limits; none where the filter is off. `below` and `above` are slugs of reasons."""
    if limits.mode == "disable":
        return
    passed, detail = True, ""
    if value is None:
        detail = "unknown"
    elif limits.min is not None and value < limits.min:
        passed, detail = False, f"{below}: {value:g}{unit}, at least {limits.min:g}{unit}"
    elif limits.max is not None and value > limits.max:
        passed, detail = False, f"{above}: {value:g}{unit}, at most {limits.max:g}{unit}"
    yield FilterScore(name=name, value=value, passed=passed, enforced=limits.mode == "enable", detail=detail)


def _listed(name: str, value: str | None, forms: frozenset[str], rule: ListFilter, slug: str) -> Iterable[FilterScore]:
    """Judge a value by its `forms`: the spellings under which a list may name it."""
    if rule.mode == "disable":
        return
    denied = forms & _folded(rule.deny)
    detail = ""
    if not forms:
        if rule.unknown == "drop":
            detail = f"{slug}: unknown, and unknown ones are dropped"
    elif denied:
        detail = f"{slug}: {value} is denied by {min(denied)!r}"
    elif rule.allow and not forms & _folded(rule.allow):
        detail = f"{slug}: {value} is not among the allowed"
    yield FilterScore(name=name, value=value, passed=not detail, enforced=rule.mode == "enable", detail=detail)


def _blocklist(source: Source, publication: Publication, rule: ListFilter) -> Iterable[FilterScore]:
    row = source.metadata
    names = [
        source.id,
        row.get("id"),
        publication.channel,
        publication.channel_id,
        publication.uploader,
        row.get("channel"),
        row.get("channel_id"),
        row.get("uploader"),
    ]
    for address in (source.uri if source.kind != "file" else None, publication.webpage_url):
        names += _address_forms(address)
    forms = _folded(names)
    entries = rule.model_copy(update={"allow": _entries(rule.allow), "deny": _entries(rule.deny)})
    for score in _listed("blocklist", None, forms, entries, "blocked"):
        denied = forms & _folded(entries.deny)
        value = min(denied) if denied else None
        detail = score.detail.replace("None", source.id, 1)
        yield score.model_copy(update={"value": value, "detail": detail})


def _entries(entries: Iterable[str]) -> tuple[str, ...]:
    """The entries of a block list in all forms that are compared: an address also in its canonical form."""
    known = [without_secrets(entry) for entry in entries]
    return tuple(form for entry in known for form in (youtube_id(entry), _canonical(entry), entry) if form)


def _address_forms(address: str | None) -> list[str | None]:
    """An address, its YouTube id, its host and the domains above its host: an entry may block a whole site."""
    if not address:
        return []
    address = without_secrets(address)
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        host = ""
    labels = host.split(".")
    domains = [".".join(labels[start:]) for start in range(len(labels) - 1)] if not host[-1:].isdigit() else [host]
    return [address, _canonical(address), youtube_id(address), host, *domains]


def _canonical(text: str) -> str | None:
    if "://" not in text:
        return None
    try:
        return canonical(text)
    except RefusedError:
        return None


def _language_tags(language: str | None) -> frozenset[str]:
    """A language tag and its prefixes: `zh-Hant-TW` is listed by `zh-Hant-TW`, `zh-Hant` or `zh`."""
    subtags = (language or "").strip().casefold().replace("_", "-").split("-")
    return frozenset("-".join(subtags[:count]) for count in range(1, len(subtags) + 1)) - {""}


def _folded(texts: Iterable[str | None]) -> frozenset[str]:
    """The texts as lists compare them: letter case and the amount of white space do not matter."""
    return frozenset(" ".join(text.split()).casefold() for text in texts if text and text.strip())
