"""The causes of a changed row, from what two rows and two releases say; nothing is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from curation.release.diff.changed import Change, causes_of_change
from curation.release.diff.states import Pair, all_causes
from curation.release.made_with import REVIEW, SPLITS
from schemas.release import StageState
from tests.curation.release.diff.written import Row, row
from tests.curation.samples import sha

STAGES = ("download", "filter", "frames", "caption", "binding", "extract", "refine", "audit")


def states(**changes: dict[str, Any]) -> dict[str, StageState]:
    plain = {name: StageState(name=name, version=1) for name in (*STAGES, REVIEW, SPLITS)}
    return plain | {name: plain[name].model_copy(update=change) for name, change in changes.items()}


def causes(first: Row, second: Row, before: Any = None, after: Any = None) -> list[tuple[str, str | None]]:
    fields = frozenset(name for name in first if first[name] != second[name])
    kept = fields | {"provenance", "review"}
    change = Change({name: first[name] for name in kept}, {name: second[name] for name in kept}, fields)
    pair = Pair(before if before is not None else states(), after if after is not None else states())
    return [(cause.cause, cause.stage) for cause in causes_of_change(change, pair)]


def made(stage: str, **other: Any) -> dict[str, Any]:
    """A change of who made a stage."""
    plain = row("v")["provenance"]
    return {"provenance": {**plain, stage: {**plain[stage], **other}}}


def captions(texts: dict[int, str | None]) -> list[Row]:
    """The captions, some with another text, some (None) gone."""
    plain = {each["index"]: each for each in row("v")["captions"]}
    return [
        {**each, "text": texts.get(index, each["text"])}
        for index, each in plain.items()
        if index not in texts or texts[index] is not None
    ]


def reviewed(status: str = "fixed", by: tuple[str, ...] = ("ann",), **edits: Any) -> dict[str, Any]:
    decisions = {"accept": 0, "fix": 0, "reject": 0}
    decisions["fix" if status == "fixed" else "accept"] = len(by)
    edited = bool(edits)
    return {
        "review": {
            "status": status,
            "reviewers": list(by),
            "decisions": decisions,
            "edited": edited,
            "editor": by[0] if edited else None,
            **edits,
        }
    }


NEW_PROMPT = {"prompt": "caption.v2", "prompt_sha256": sha("new")}
NEW_MODEL = {"model": "larger", "revision": sha("larger")}


def test_another_prompt_is_the_root_and_later_stages_follow_from_it() -> None:
    second = row("v", captions=captions({1: "other"}), summary={"v2t": "Other."}, **made("caption", **NEW_PROMPT))
    assert causes(row("v"), second) == [("prompt", "caption")]


def test_a_new_prompt_that_wrote_the_same_is_a_cause_too() -> None:
    assert causes(row("v"), row("v", **made("refine", prompt="refine.v9", prompt_sha256=sha("9")))) == [
        ("prompt", "refine")
    ]


def test_several_causes_come_in_the_order_of_the_stages() -> None:
    provenance = {
        **made("caption", **NEW_PROMPT)["provenance"],
        "refine": made("refine", **NEW_MODEL)["provenance"]["refine"],
    }
    second = row("v", provenance=provenance, captions=captions({1: "x"}), title="New", **reviewed("accepted"))
    assert causes(row("v"), second) == [
        ("source changed", "download"),
        ("prompt", "caption"),
        ("model", "refine"),
        ("person", "review"),
    ]


def test_sampling_parameters_belong_to_the_model() -> None:
    assert causes(row("v"), row("v", **made("extract", sampling='{"seed": 1}'))) == [("model", "extract")]


def test_what_only_the_release_knows_settings_code_and_models_that_no_row_names() -> None:
    second = row("v", summary={"v2t": "Other."})
    for change, cause in (
        ({"version": 2}, "code"),
        ({"settings": {"refine.similarity": "0.9"}}, "settings"),
        ({"models": sha("another embedder")}, "model"),
    ):
        assert causes(row("v"), second, after=states(refine=change)) == [(cause, "refine")]


def test_a_difference_at_a_stage_that_the_row_does_not_show_is_no_cause() -> None:
    other = states(caption={"version": 2}, refine={"settings": {"refine.lines": "4"}})
    assert causes(row("v"), row("v", title="New"), after=other) == [("source changed", "download")]


def test_what_no_release_records_is_unknown_and_stays_so_beside_what_is_known() -> None:
    second = row("v", captions=captions({1: "other"}))
    assert causes(row("v"), second) == [("unknown", "caption")]
    assert causes(row("v"), second, before={}, after=states(caption={"version": 2})) == [("unknown", "caption")]
    judged = row("v", captions=captions({1: "other"}), **reviewed("accepted"))
    assert causes(row("v"), judged) == [("unknown", "caption"), ("person", "review")]


def test_a_persons_fix_is_told_apart_from_what_models_wrote() -> None:
    fixed = row("v", captions=captions({3: "mended"}), scores={"judge": None}, **reviewed(captions_edited=[3]))
    assert causes(row("v"), fixed) == [("person", "review")]
    both = row("v", captions=captions({3: "mended", 4: "by another model"}), **reviewed(captions_edited=[3]))
    assert causes(row("v"), both) == [("unknown", "caption"), ("person", "review")]
    withdrawn = row(
        "v",
        captions=captions({3: None}),
        captions_failed=[{"index": 3, "time": 3.0, "reason": "judged_wrong"}],
        **reviewed(captions_withdrawn=[3]),
        **made("caption", tokens_in=770, tokens_out=99),
    )
    assert causes(row("v"), withdrawn) == [("person", "review")]


def test_a_persons_keyframes_are_told_apart_from_the_models() -> None:
    plain = row("v")
    dropped = [each for each in plain["keyframes"] if each["index"] != 3]
    fixed = row("v", keyframes=dropped, summary={"v2t": "Less."}, **reviewed(keyframes_dropped=[3]))
    assert causes(plain, fixed) == [("person", "review")]
    assert causes(plain, row("v", keyframes=dropped)) == [("unknown", "extract")]


def said(*texts: str) -> Row:
    """The column of what is said."""
    segments = [{"start": float(n), "end": n + 1.0, "text": text, "words": []} for n, text in enumerate(texts)]
    return {"transcript": {"source": "manual", "language": "en", "reason": None, "segments": segments, "notes": []}}


def test_a_persons_correction_of_what_is_said_is_told_apart_from_another_transcript() -> None:
    plain = row("v") | said("Now the kight.", "It is red.")
    fixed = row("v", scores={"support": None}, **reviewed(transcript_edited=[0]))
    assert causes(plain, fixed | said("Now the kite.", "It is red.")) == [("person", "review")]
    again = [fixed | said(text, "It is red.") for text in ("Now the kite.", "Now the kites.")]
    assert causes(*again) == [("person", "review")], "the review looks the same"
    both = fixed | said("Now the kite.", "It is blue.")
    assert causes(plain, both) == [("unknown", "transcribe"), ("person", "review")]
    assert causes(plain, fixed | said("Now the kite.")) == [("unknown", "transcribe"), ("person", "review")]
    moved = fixed | said("Now the kite.", "It is red.")
    moved["transcript"]["segments"][0]["end"] = 0.5
    assert causes(plain, moved) == [("unknown", "transcribe"), ("person", "review")]


def corrected(*changes: tuple[int, str, str]) -> Row:
    """The column of what a model corrected."""
    told = [{"segment": place, "before": before, "after": after} for place, before, after in changes]
    return {"denoised": {"model": "m", "prompt": "denoise.v1", "changes": told}}


def test_a_models_correction_of_what_is_said_is_told_apart_from_another_transcript() -> None:
    heard = said("now the kight", "it is red")
    first = row("v") | heard | corrected()
    second = (
        row("v")
        | said("Now the kite.", "It is red.")
        | corrected((0, "now the kight", "Now the kite."), (1, "it is red", "It is red."))
    )
    second["transcript"]["segments"][0]["words"] = []
    first["transcript"]["segments"][0]["words"] = [{"start": 0.0, "text": "now"}]
    assert causes(first, second) == [("unknown", "denoise")]
    before, after = (
        states() | {"denoise": StageState(name="denoise", version=1, settings={"denoise.max_tokens": count})}
        for count in ("900", "500")
    )
    assert causes(first, second, before, after) == [("settings", "denoise")]
    other = row("v") | said("Now the kite.", "It is blue.") | corrected((0, "now the kight", "Now the kite."))
    assert ("unknown", "transcribe") in causes(first, other)


def test_another_transcript_is_the_root_of_what_was_made_with_it() -> None:
    plain = row("v") | said("Now the kite.")
    second = row("v", **made("extract", tokens_in=999), scores={"support": 0.5}) | said("Now the knight.")
    assert causes(plain, second) == [("unknown", "transcribe")]
    before, after = (
        states() | {"transcribe": StageState(name="transcribe", version=1, settings={"transcribe.max_segments": count})}
        for count in ("9", "5")
    )
    assert causes(plain, second, before, after) == [("settings", "transcribe")]


def test_other_subtitles_are_the_sources_and_lost_speech_is_told() -> None:
    known = states() | {"transcribe": StageState(name="transcribe", version=1)}
    plain, other = row("v") | said("Now the kite."), row("v") | said("Now the knight.")
    assert causes(plain, other, known, known) == [("source changed", "transcribe")]
    heard = {**said("Now a kite.")["transcript"], "source": "recognised"}
    again = {**said("Now the kite.")["transcript"], "source": "recognised"}
    assert causes(row("v") | {"transcript": heard}, row("v") | {"transcript": again}, known, known) == [
        ("unknown", "transcribe")
    ], "a recogniser need not hear the same twice"
    silent = {**said()["transcript"], "source": "recognised", "reason": "not_recognised"}
    gap = {**heard, "dropped": [{"start": 0.0, "end": 1.0, "text": "", "reason": "piece_unanswered"}]}
    for first, second in ((silent, heard), (heard, silent), (gap, heard), (silent, gap)):
        change = row("v") | {"transcript": first}, row("v") | {"transcript": second}
        assert causes(*change, known, known) == [("speech lost", "transcribe")]
    newer = states() | {"transcribe": StageState(name="transcribe", version=2)}
    assert causes(row("v") | {"transcript": silent}, row("v") | {"transcript": heard}, known, newer) == [
        ("code", "transcribe"),
        ("speech lost", "transcribe"),
    ]


def test_other_subtitles_that_were_wanted_are_a_setting_and_a_column_that_is_new_lost_nothing() -> None:
    def known(languages: str) -> dict[str, StageState]:
        wanted = states(download={"settings": {"download.subtitles": languages}})
        return wanted | {"transcribe": StageState(name="transcribe", version=1)}

    plain, other = row("v") | said("Now the kite."), row("v") | said("Jetzt der Drache.")
    assert causes(plain, other, known("en"), known("de")) == [("settings", "download")]
    heard, again = ({"transcript": {**said(text)["transcript"], "source": "recognised"}} for text in ("A.", "B."))
    assert causes(row("v") | heard, row("v") | again, known("en"), known("de")) == [("unknown", "transcribe")]
    missed = {**said()["transcript"], "source": None, "reason": "subtitles_missed"}
    without, new = row("v") | {"transcript": None}, row("v") | {"transcript": missed}
    for first, second, before, after in ((without, new, states(), known("en")), (new, without, known("en"), states())):
        assert ("speech lost", "transcribe") not in causes(first, second, before, after)


def test_a_key_that_came_later_is_shown_with_the_value_that_it_had_before() -> None:
    before, after = states(), states(extract={"settings": {"extract.annotators": "4"}})
    details = [cause.detail for cause in all_causes(Pair(before, after))]
    assert details == ["extract.annotators 1 -> 4"]


def test_an_edited_summary_and_a_second_edit_of_it_are_a_persons() -> None:
    fixed = row("v", summary={"v2t": "Mine."}, **reviewed(summary_edited=True))
    again = row("v", summary={"v2t": "Mine, again."}, **reviewed(summary_edited=True))
    assert causes(row("v"), fixed) == [("person", "review")]
    assert causes(fixed, again) == [("person", "review")], "the review looks the same"
    second = row("v", captions=captions({3: "b"}), **reviewed(captions_edited=[3]))
    assert causes(row("v", captions=captions({3: "a"}), **reviewed(captions_edited=[3])), second) == [
        ("person", "review")
    ]


def test_a_verdict_that_counts_no_more_follows_from_the_new_content() -> None:
    fixed = row("v", captions=captions({3: "mended"}), **reviewed(captions_edited=[3]))
    anew = row("v", captions=captions({3: "anew", 4: "anew"}), **made("caption", **NEW_PROMPT))
    assert causes(fixed, anew) == [("prompt", "caption")]


def test_the_rules_for_verdicts_decide_without_a_person() -> None:
    accepted = row("v", **reviewed("accepted"))
    assert causes(accepted, row("v")) == [("unknown", "review")]
    stricter = states(review={"settings": {"review.least": "2"}})
    assert causes(accepted, row("v"), after=stricter) == [("settings", "review")]
    more = row("v", **reviewed("accepted", ("ann", "bob")))
    assert causes(accepted, more, after=stricter) == [("settings", "review"), ("person", "review")]


def test_filters_frames_scores_and_splits() -> None:
    measured = [{"name": "duration", "number": 9.0, "text": None, "flag": None}]
    assert causes(row("v"), row("v", filters=measured), after=states(filter={"settings": {"filters.x": "1"}})) == [
        ("filter", "filter")
    ]
    other_file = row("v", file={"sha256": sha("new file")}, filters=measured)
    assert causes(row("v"), other_file) == [("source changed", "download")]
    smaller = states(download={"settings": {"download.max_height": "480"}})
    assert causes(row("v"), other_file, after=smaller) == [("settings", "download")]
    pictures = [{**each, "image_sha256": sha("x")} for each in row("v")["captions"]]
    finer = states(frames={"settings": {"frames.short_side": "512"}})
    assert causes(row("v"), row("v", captions=pictures), after=finer) == [("settings", "frames")]
    assert causes(row("v"), row("v", scores={"judge": 4.0}), after=states(audit={"prompt": sha("j")})) == [
        ("prompt", "audit")
    ]
    assert causes(row("v"), row("v", scores={"judge": 4.0})) == [("unknown", "audit")]
    assert causes(row("v"), row("v", "test")) == [("unknown", SPLITS)]
    assert causes(row("v"), row("v", "test"), after=states(splits={"version": 3})) == [("code", SPLITS)]


def test_columns_that_follow_from_equal_ones_are_made_by_other_code() -> None:
    asked = [{"from": "human", "value": "Please!"}]
    assert causes(row("v"), row("v", conversations=asked)) == [("code", None)]
    assert causes({**row("v"), "new": 1}, {**row("v"), "new": 2}) == [("unknown", None)]


@pytest.mark.parametrize("broken", [None, {}, {"caption": None}, {"caption": {"prompt": None}}])
def test_rows_that_lack_what_rows_have_break_nothing(broken: Any) -> None:
    poor = {**row("v"), "provenance": broken, "review": None, "captions": None, "keyframes": [{}], "summary": None}
    assert causes(row("v"), poor) and causes(poor, row("v")) and causes(poor, {**poor, "title": "x"})


def test_all_differences_of_the_releases_are_listed_also_those_that_no_row_shows() -> None:
    after = states(caption={"prompt": sha("p")}, audit={"limits": {"audit.refuse_below": "0.2"}})
    told = [(cause.cause, cause.stage, cause.detail) for cause in all_causes(Pair(states(), after))]
    assert told == [
        ("prompt", "caption", f"none -> {sha('p')[:12]}"),
        ("filter", "audit", "audit.refuse_below - -> 0.2"),
    ]


def test_text_on_screen_and_its_filter_are_causes_of_their_own() -> None:
    def written(share: float, limit: float) -> Row:
        score = {"name": "screen_text", "number": share, "passed": share <= limit}
        plain = row("v")
        return plain | {"screen_text": {"share": share}, "filters": [*plain["filters"], score]}

    first, judged, read = written(0.2, 0.5), written(0.2, 0.1), written(0.3, 0.5)
    assert causes(first, judged) == [("unknown", "ocr-filter")]
    assert causes(first, read) == [("unknown", "ocr")], "the score follows from what was read"
    before, after = (
        states() | {"ocr-filter": StageState(name="ocr-filter", version=1, settings={"ocr.share.max": limit})}
        for limit in ("0.5", "0.1")
    )
    assert causes(first, judged, before, after) == [("settings", "ocr-filter")]


def test_faces_and_nudity_their_filter_and_what_is_blurred_are_causes_of_their_own() -> None:
    def shown(faces: float, limit: float, blurred: tuple[int, ...] = ()) -> Row:
        score = {"name": "faces", "number": faces, "passed": faces <= limit}
        plain = row("v")
        return plain | {"safety": {"faces": faces, "blurred": list(blurred)}, "filters": [*plain["filters"], score]}

    first = shown(0.2, 0.5)
    assert causes(first, shown(0.2, 0.1)) == [("unknown", "safety-filter")]
    assert causes(first, shown(0.3, 0.5, (1,))) == [("unknown", "safety")], "what is blurred follows from the scores"
    assert causes(first, shown(0.2, 0.5, (1,))) == [("unknown", "blur")]
    state = {"blur": StageState(name="blur", version=1, settings={"export.blur.faces": "true"})}
    assert causes(first, shown(0.2, 0.5, (1,)), states(), states() | state) == [("settings", "blur")]
    assert "export.blur: off -> on" in [cause.detail for cause in all_causes(Pair(states(), states() | state))]


def test_an_optional_stage_that_one_release_has_is_a_setting() -> None:
    plain = row("v")
    after = plain | {"filters": [*plain["filters"], {"name": "screen_text", "number": 0.1, "passed": True}]}
    state = {"ocr-filter": StageState(name="ocr-filter", version=1)}
    assert causes(plain, after, states(), states() | state) == [("settings", "ocr-filter")]
    assert "ocr.mode: off -> on" in [cause.detail for cause in all_causes(Pair(states(), states() | state))]
    assert all_causes(Pair({}, states() | state)) == (), "a release that tells nothing of its stages"


def test_what_other_annotators_chose_is_a_cause_of_the_choice() -> None:
    several = {"annotators": [{"model": "a"}, {"model": "b"}], "choices": [{"keyframes": [1], "fault": None}]}
    first = row("v") | several
    for other in ({"annotators": [{"model": "a"}, {"model": "c"}]}, {"choices": [], "saliency": []}):
        second = first | other
        assert causes({**first, "saliency": [1.0]}, {"saliency": [1.0], **second}) == [("unknown", "extract")]
