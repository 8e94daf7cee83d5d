"""What the pace of downloads costs at least."""

from __future__ import annotations

from curation.plan.pacing import pacing
from schemas.records import Origin, Source


def sources(*addresses: str) -> list[Source]:
    kinds = ["file" if address.startswith("/") else "url" for address in addresses]
    return [
        Source(id=f"v{row}", kind=kind, uri=address, origin=Origin(list_name="list.csv", row=row))  # type: ignore[arg-type]
        for row, (kind, address) in enumerate(zip(kinds, addresses, strict=True))
    ]


def test_five_thousand_videos_of_youtube_take_seventeen_hours_under_whatever_address() -> None:
    forms = ("https://www.youtube.com/watch?v=%011d", "https://youtu.be/%011d")
    listed = [forms[number % 2] % number for number in range(5000)]
    found = pacing(sources(*listed, "https://example.org/film.mp4"), 12)
    assert found is not None and (found.host, found.videos) == ("youtube.com", 5000)
    assert 16.6 < found.least_hours < 16.7


def test_files_and_no_pace_and_addresses_that_cannot_be_read_cost_nothing() -> None:
    assert pacing(sources("/films/a.mp4", "/films/b.mp4"), 12) is None
    assert pacing(sources("https://example.org/film.mp4"), 0) is None
    assert pacing(sources("https://exa mple.org:x/"), 12) is None
