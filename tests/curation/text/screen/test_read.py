"""Which frames are read, how readings are joined, and that nothing gets lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from PIL import Image

from curation.sources.filters import refuse
from curation.text.screen import read as module
from curation.text.screen.read import judge_share, screen_text
from models.reader import ReadLine
from schemas.configuration.text_config import OcrConfig
from schemas.configuration.video_config import RangeFilter
from schemas.errors import PermanentError, RefusedError
from schemas.parts.screen_text import ScreenText
from schemas.records import FrameSet
from tests.curation.scripted import make_frames
from tests.curation.text.screen.drawn import Knowing, card, scene, written

Drawn = tuple[Image.Image, tuple[ReadLine, ...]]
BARE: Drawn = (scene(1), ())


def subtitle(text: str) -> Drawn:
    return written(scene(1), [(text, 150, 225)])


def run(shots: Sequence[Sequence[Drawn]], **settings: int) -> tuple[ScreenText, Knowing]:
    reader = Knowing()
    pictures = [reader.add(*drawn) for shot in shots for drawn in shot]
    ends = [sum(map(len, shots[: place + 1])) for place in range(len(shots))]
    frames = make_frames([None] * len(pictures)).model_copy(
        update={"shots": tuple((end - len(shot), end - 1) for end, shot in zip(ends, shots, strict=True))}
    )
    found = screen_text(frames, lambda index: pictures[index], reader, OcrConfig(**settings))
    assert found.read == reader.asked and ScreenText.model_validate_json(found.canonical()) == found
    return found, reader


def told(found: ScreenText) -> list[tuple[float, float, str]]:
    return [(one.time, one.until, " / ".join(line.text for line in one.lines)) for one in found.readings]


def test_a_shot_is_read_where_its_text_changes() -> None:
    first, second = subtitle("Now add the flour"), subtitle("and stir it well")
    found, _ = run([[BARE, BARE, first, first, first, second, BARE, BARE], [BARE] * 4])
    assert told(found) == [(2, 4, "Now add the flour"), (5, 5, "and stir it well")]
    assert (found.read, found.unread) == (5, 0), "bare, first, second, bare; and the other shot's first frame"
    assert {line.kind for one in found.readings for line in one.lines} == {"subtitle"}


def test_equal_text_goes_on_over_a_cut_and_not_over_a_gap() -> None:
    title = card(["How to bake bread"])
    found, _ = run([[title] * 2, [title] * 3, [BARE] * 2, [title]])
    assert told(found) == [(0, 4, "How to bake bread"), (7, 7, "How to bake bread")]
    share = found.readings[0].share
    assert found.share == pytest.approx(share * 6 / 8, abs=1e-4) and 0 < share < 0.2


def test_a_shot_has_so_many_readings_and_the_rest_is_counted() -> None:
    texts = ["flour and salt", "WATER, warm", "12 minutes", "an oven at 230", "Bread!"]
    found, _ = run([[subtitle(text) for text in texts]], per_shot=2)
    assert [text for _, _, text in told(found)] == texts[:2] and found.read == 2
    assert found.unread == 3, "frames whose text is not known do not show that of another"
    shares = [reading.share for reading in found.readings]
    assert found.share == pytest.approx(sum(shares) / 2, abs=1e-4), "nor do they count as free of text"


def test_what_a_record_does_not_hold_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 2)
    monkeypatch.setattr(module, "MOST_READINGS", 1)
    found, _ = run([[card(["one", "two", "three"])], [card(["four", "five"])]])
    assert told(found) == [(0, 0, "one / two")] and found.left_out == 3
    monkeypatch.setattr(module, "MOST_READINGS", 9)
    monkeypatch.setattr(module, "MOST_CHARACTERS", 10)
    found, _ = run([[card(["one", "two"])], [card(["four", "five"])]])
    assert told(found) == [(0, 0, "one / two")] and found.left_out == 2


def test_a_letter_alone_is_not_believed_and_one_beside_a_word_is() -> None:
    alone, beside = written(scene(1), [("X", 40, 40)], 60), written(scene(2), [("X", 40, 40), ("Exit", 200, 100)], 40)
    small, lines = written(scene(3), [("Exit", 200, 200)], 14)
    limb = written(small, [("X", 40, 40)], 60)
    found, _ = run([[alone, alone], [beside], [(limb[0], (*limb[1], *lines))]])
    assert told(found) == [(2, 2, "X / Exit"), (3, 3, "Exit")] and found.read == 3


def test_a_lost_picture_is_unread_and_the_others_are_read() -> None:
    reader, title = Knowing(), card(["How to bake bread"])
    data = reader.add(*title)
    found = screen_text(make_frames([None] * 3), lambda index: None if index == 1 else data, reader, OcrConfig())
    assert told(found) == [(0, 0, "How to bake bread"), (2, 2, "How to bake bread")] and (found.read, found.unread) == (
        1,
        1,
    )
    lost = screen_text(make_frames([None] * 3), lambda _: None, reader, OcrConfig())
    assert (lost.read, lost.unread, lost.share, lost.readings) == (0, 3, None, ())
    (score,) = judge_share(lost, RangeFilter(mode="enable", min=0.1))
    assert score.passed and score.value is None, "what is not known refuses nothing"


def test_nothing_written_is_a_record_too() -> None:
    found, _ = run([[BARE] * 3])
    assert (found.readings, found.share, found.read) == ((), 0.0, 1)


def test_a_picture_that_cannot_be_read_is_the_videos_fault() -> None:
    frames: FrameSet = make_frames([None])
    with pytest.raises(PermanentError, match="unreadable_picture"):
        screen_text(frames, lambda _: b"no picture", Knowing(), OcrConfig())


@pytest.mark.parametrize(("mode", "refused"), [("enable", True), ("score-only", False), ("disable", False)])
def test_the_share_is_a_filter_score(mode: str, refused: bool) -> None:
    found = ScreenText(reader="r", revision="1", share=0.4, read=1)
    scores = judge_share(found, RangeFilter.model_validate({"mode": mode, "max": 0.3}))
    assert [(one.name, one.value, one.passed) for one in scores] == (
        [] if mode == "disable" else [("screen_text", 0.4, False)]
    )
    if refused:
        with pytest.raises(RefusedError, match="too_much_text"):
            refuse(scores)
    else:
        refuse(scores)
