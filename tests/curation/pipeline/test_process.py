from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from curation.ledger.entries import rejection_entry
from curation.ledger.ledger import Ledger
from curation.ledger.samples import sample
from curation.ledger.stages import STAGES, SUMMARY, Stage
from curation.ledger.standing import StageHashes, fingerprint_of, standing
from curation.pipeline.process import process
from curation.status.counts import summarize
from curation.status.explain import explain, find
from curation.status.standings import Standings, all_rejections, samples
from curation.status.view import LedgerView
from schemas.errors import ConfigError, Interrupted, StorageFull, TransientError
from schemas.records import Judgement, Rejection
from tests.curation.hashes import HASHES, changed, other_limits
from tests.curation.scripted_stages import ERRORS, Tally, Works, run_all, source, sources

LOOSER = replace(HASHES, policy="looser")


def states(ledger: Ledger, hashes: StageHashes = HASHES) -> dict[str, str]:
    return {video.source.id: video.where.state for video in Standings(LedgerView(ledger, hashes)).walk()}


def test_a_run_makes_every_stage_once_and_a_second_run_nothing(ledger: Ledger) -> None:
    ids = ledger.register(sources(5))
    works = Works()
    tally = run_all(ledger, ids, works)
    assert set(states(ledger).values()) == {"sample"}
    assert tally.rows == {(stage, "made"): 5 for stage in STAGES.names}
    again = Works()
    tally = run_all(ledger, ids, again)
    assert again.calls == []
    assert tally.rows == {(stage, "reused"): 5 for stage in STAGES.names}


@pytest.mark.parametrize("stage", STAGES.names)
def test_changed_settings_rerun_that_stage_and_what_depends_on_its_output(ledger: Ledger, stage: str) -> None:
    ids = ledger.register(sources(3))
    run_all(ledger, ids, Works())
    other = changed(stage)
    assert set(states(ledger, other).values()) == {"pending"}
    works = Works()
    run_all(ledger, ids, works, other)
    # The scripted output does not change, so nothing after the stage has new inputs.
    assert works.calls == [(stage, video) for video in ids]
    assert set(states(ledger, other).values()) == {"sample"}


def test_a_changed_output_reruns_what_follows_and_nothing_before(ledger: Ledger) -> None:
    ids = ledger.register(sources(2))
    run_all(ledger, ids, Works())
    works = Works(content=lambda video: f"{video} in new bytes")
    other = changed("frames")
    run_all(ledger, ids, works, other)
    assert {stage for stage, _ in works.calls} == {
        "frames"
    }  # the download was not repeated, so its hash is the old one
    other = changed("download")
    works = Works(content=lambda video: f"{video} in new bytes")
    run_all(ledger, ids, works, other)
    assert {stage for stage, _ in works.calls} == set(STAGES.names)


def test_settings_changed_back_find_the_older_results(ledger: Ledger) -> None:
    ids = ledger.register(sources(2))
    run_all(ledger, ids, Works())
    run_all(ledger, ids, Works(), changed("refine"))
    works = Works()
    run_all(ledger, ids, works)
    assert works.calls == []
    assert set(states(ledger).values()) == {"sample"}


def test_errors_become_rows_of_their_class_and_stop_nobody(ledger: Ledger) -> None:
    ids = ledger.register(sources(5))
    trouble: dict[tuple[str, str], list[Exception]] = {
        ("download", "v001"): [ERRORS["transient"]("network", "connection reset")],
        ("frames", "v002"): [ERRORS["permanent"]("no_frames", "none decodes")],
        ("filter", "v003"): [ERRORS["refused"]("too_short", "12 s")],
        ("caption", "v004"): [ZeroDivisionError("a fault of ours")],
    }
    run_all(ledger, ids, Works(trouble))
    assert states(ledger) == {
        "v000": "sample", "v001": "retryable", "v002": "rejected", "v003": "rejected", "v004": "rejected"
    }  # fmt: skip
    found = {(r.id, r.stage, r.error_class, r.reason) for r in all_rejections(LedgerView(ledger, HASHES))}
    assert found == {
        ("v001", "download", "transient", "network"),
        ("v002", "frames", "permanent", "no_frames"),
        ("v003", "filter", "refused", "too_short"),
        ("v004", "caption", "poison", "unexpected"),
    }
    counts = summarize(LedgerView(ledger, HASHES))
    assert [counts.videos, counts.samples, counts.rejected, counts.retryable, counts.pending] == [5, 1, 3, 1, 0]
    works = Works()
    run_all(ledger, ids, works)
    assert {video for _, video in works.calls} == {"v001"}, "only the transient one is tried again"
    assert states(ledger)["v001"] == "sample"


def test_a_transient_failure_counts_its_attempts(ledger: Ledger) -> None:
    ids = ledger.register(sources(1))
    for attempt in range(1, 4):
        run_all(ledger, ids, Works({("download", "v000"): [TransientError("network", "again")]}))
        entry = ledger.entry("v000", "download")
        assert entry is not None and entry.attempts == attempt


def test_a_loosened_policy_gives_refused_videos_another_chance_and_touches_no_other(ledger: Ledger) -> None:
    ids = ledger.register(sources(3))
    refused = ERRORS["refused"]
    run_all(
        ledger, ids, Works({("download", "v001"): [refused("blocked", "")], ("frames", "v002"): [refused("x", "")]})
    )
    works = Works()
    run_all(ledger, ids, works, LOOSER)
    assert {video for _, video in works.calls} == {"v001", "v002"}
    assert set(states(ledger, LOOSER).values()) == {"sample"}


def test_another_limit_gives_failed_videos_another_try_and_touches_no_finished_one(ledger: Ledger) -> None:
    ids = ledger.register(sources(3))
    failed = ERRORS["permanent"]
    run_all(
        ledger, ids, Works({("download", "v001"): [failed("too_large", "")], ("frames", "v002"): [failed("x", "")]})
    )
    raised = other_limits("download")
    assert states(ledger, raised) == {"v000": "sample", "v001": "pending", "v002": "rejected"}
    works = Works()
    run_all(ledger, ids, works, raised)
    assert {video for _, video in works.calls} == {"v001"}
    assert states(ledger, other_limits(*STAGES.names)) == {"v000": "sample", "v001": "sample", "v002": "pending"}


def test_forgotten_rejections_are_tried_again(ledger: Ledger) -> None:
    ids = ledger.register(sources(1))
    run_all(ledger, ids, Works({("frames", "v000"): [ERRORS["permanent"]("no_frames", "")]}))
    ledger.forget("v000", "frames")
    assert states(ledger) == {"v000": "pending"}
    run_all(ledger, ids, Works())
    assert states(ledger) == {"v000": "sample"}


def test_a_full_disk_stops_the_run_and_loses_nothing(ledger: Ledger) -> None:
    ids = ledger.register(sources(4))
    works = Works({("frames", "v002"): [OSError(28, "No space left on device")]})
    with pytest.raises(StorageFull, match="no space left"):
        run_all(ledger, ids, works)
    assert [ledger.heads([v])[v].get("frames") is not None for v in ids] == [True, True, False, False]
    run_all(ledger, ids, Works())
    assert set(states(ledger).values()) == {"sample"}


@pytest.mark.parametrize("workers", [1, 4])
def test_a_wrong_configuration_that_shows_in_a_stage_stops_the_run_and_rejects_nobody(
    ledger: Ledger, workers: int
) -> None:
    ids = ledger.register(sources(20))
    works = Works({("caption", "v002"): [ConfigError("the key is not accepted")]})
    with pytest.raises(ConfigError):
        run_all(ledger, ids, works, workers=workers)
    assert set(states(ledger).values()) == {"pending"}
    run_all(ledger, ids, Works())
    assert set(states(ledger).values()) == {"sample"}


@pytest.mark.parametrize("workers", [1, 4])
def test_a_stop_is_heeded_between_videos_and_resumes(ledger: Ledger, workers: int) -> None:
    ids = ledger.register(sources(20))
    stop = threading.Event()
    works = Works()

    class Stopping(Works):
        def stage(self, name):  # type: ignore[no-untyped-def]
            inner = works.stage(name)

            def work(inputs):  # type: ignore[no-untyped-def]
                if len(works.calls) >= 7:
                    stop.set()
                return inner(inputs)

            return work

    with pytest.raises(Interrupted):
        run_all(ledger, ids, Stopping(), stop=stop, workers=workers)
    assert 8 <= len(works.calls) <= 8 + workers
    done = set(works.calls)
    run_all(ledger, ids, Works())
    assert set(states(ledger).values()) == {"sample"}
    assert len(done) == len(works.calls), "nothing was done twice"


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_any_interruption_ends_in_the_state_of_an_undisturbed_run(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Errors that are transient, and stops at any call, change nothing of what is in the ledger at the end."""
    folder: Path = tmp_path_factory.mktemp("ledger")
    videos = sources(4)

    def digests(ledger: Ledger) -> list[str]:
        return [s.digest() for s in samples(LedgerView(ledger, HASHES))] + [
            r.canonical() for r in all_rejections(LedgerView(ledger, HASHES))
        ]

    permanent = {("frames", "v003"): [ERRORS["permanent"]("no_frames", "none") for _ in range(9)]}
    plain = Ledger(f"sqlite:///{folder / 'plain.sqlite'}")
    run_all(plain, plain.register(videos), Works(permanent))
    disturbed = Ledger(f"sqlite:///{folder / 'disturbed.sqlite'}")
    ids = disturbed.register(videos)
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.lists(st.tuples(st.sampled_from(STAGES.names), st.sampled_from(ids)), max_size=4))
        kinds = st.sampled_from([TransientError("network", "x"), OSError(28, "No space left on device")])
        trouble: dict[tuple[str, str], list[Exception]] = {place: [data.draw(kinds)] for place in where}
        with contextlib.suppress(StorageFull):
            run_all(disturbed, ids, Works({**trouble, **permanent}))
    run_all(disturbed, ids, Works(permanent))
    assert digests(disturbed) == digests(plain)
    plain.close()
    disturbed.close()


def test_unusable_rows_are_rejected_videos(ledger: Ledger) -> None:
    bad = Rejection(
        id="row-7", stage="source", error_class="permanent", reason="no_address", evidence="list.csv, row 7"
    )
    ids = ledger.register([source("a"), bad])
    run_all(ledger, ids, Works())
    assert states(ledger) == {"a": "sample", "row-7": "rejected"}
    counts = summarize(LedgerView(ledger, HASHES))
    assert (counts.videos, counts.samples, counts.rejected) == (2, 1, 1)
    assert explain(LedgerView(ledger, HASHES), "row-7").rejections[0].evidence == "list.csv, row 7"


def test_a_source_takes_the_place_of_an_unusable_row_with_its_id_and_leaves_the_others(ledger: Ledger) -> None:
    rows = [Rejection(id=i, stage="source", error_class="permanent", reason="no_address") for i in ("a", "b")]
    ledger.register(rows)
    assert states(ledger) == {"a": "rejected", "b": "rejected"}
    run_all(ledger, ledger.register([source("a")]), Works())
    assert states(ledger) == {"a": "sample", "b": "rejected"}
    assert [rejection.id for rejection in all_rejections(LedgerView(ledger, HASHES))] == ["b"]


def test_explain_tells_every_stage_and_find_knows_ids_hashes_and_addresses(ledger: Ledger) -> None:
    ids = ledger.register(sources(2))
    run_all(ledger, ids, Works())
    answer = explain(LedgerView(ledger, HASHES), "v001")
    assert list(answer.stages) == list(STAGES.names)
    assert answer.stages["caption"].tokens_in == 12 * 70
    whole = sample(ledger, "v001")
    for wanted in ("v001", whole.video.sha256, whole.video.sha256[:9], "https://example.org/v001"):
        assert find(ledger, wanted) == ["v001"]
    assert find(ledger, "nothing") == []


def test_a_refusal_at_the_export_outlives_another_audit_and_not_another_summary(ledger: Ledger) -> None:
    ids = ledger.register(sources(1))
    run_all(ledger, ids, Works())
    refusal = Rejection(id="v000", stage="export", error_class="permanent", reason="inconsistent_sample")
    ledger.write(rejection_entry(refusal, ledger.heads(["v000"])["v000"][SUMMARY].digest, 1, 0.0), ())
    run_all(ledger, ids, Works(), changed("audit"))
    assert states(ledger, changed("audit")) == {"v000": "rejected"}
    works = Works(content=lambda video: f"{video} in new bytes")
    run_all(ledger, ids, works, changed("download"))
    assert states(ledger, changed("download")) == {"v000": "sample"}


def test_standing_of_a_new_source_is_the_first_stage(ledger: Ledger) -> None:
    ledger.register([source("a")])
    (registered,) = ledger.sources()
    where = standing(registered, {}, HASHES)
    assert (where.state, where.stage) == ("pending", "download")


def test_a_locked_database_says_nothing_of_the_video(ledger: Ledger) -> None:
    ids = ledger.register(sources(2))
    locked = OperationalError("UPDATE", {}, Exception("database is locked"))
    with pytest.raises(OperationalError):
        run_all(ledger, ids, Works(trouble={("download", "v000"): [locked]}))
    assert states(ledger) == dict.fromkeys(ids, "pending")


@given(st.text(), st.integers(0, 99), st.text(), st.lists(st.text(), max_size=4))
def test_a_fingerprint_is_the_hash_of_the_parts_as_json(name: str, version: int, own: str, inputs: list[str]) -> None:
    text = json.dumps((name, version, own, inputs))
    assert fingerprint_of(Stage(name, version, (), Judgement), own, inputs) == hashlib.sha256(text.encode()).hexdigest()


def test_a_first_result_replaces_an_older_one_of_the_same_fingerprint(ledger: Ledger) -> None:
    [video] = ledger.register(sources(1))
    run_all(ledger, [video], Works())
    [stage, *later] = STAGES.names
    entry = ledger.entry(video, stage)
    assert entry is not None
    ledger.write(entry._replace(attempts=7), later, first=True)  # although a result is current: nothing is doubled
    again = ledger.entry(video, stage)
    assert again is not None and again.attempts == 7
    assert set(ledger.heads([video])[video]) == {stage}


def test_a_video_is_counted_once_and_what_failed_for_now_is_left_to_the_next_run(ledger: Ledger) -> None:
    ids = ledger.register(sources(3))
    works = Works({("download", ids[0]): [TransientError("network", "no answer")]})
    tally, tried = Tally(), set[str]()

    def carry(tried: set[str] | None) -> None:
        process(
            "download",
            ids,
            ledger=ledger,
            hashes=HASHES,
            work=works.stage("download"),
            progress=tally,
            stop=threading.Event(),
            tried=tried,
        )

    carry(tried)
    assert tried == set(ids)
    carry(tried)
    assert len(works.calls) == 3
    assert tally.rows == {("download", "made"): 2, ("download", "rejected"): 1}
    carry(None)  # the next run
    assert works.calls[3:] == [("download", ids[0])]
    assert tally.rows == {("download", "made"): 3, ("download", "rejected"): 1, ("download", "reused"): 2}
