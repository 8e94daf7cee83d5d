"""Publishing to the Hub: what readers of `main` see at every moment, what is sent, and what is refused."""

import re
from pathlib import Path

import pytest

from curation.release.hub.client import HubRepository
from curation.release.hub.publish import publish_to_hub
from curation.release.publish.local import LocalRelease
from curation.release.publish.steps import Wishes
from demo.hub.accounts import WRITE_TOKEN, Account
from demo.hub.faults import Fault, Kind
from demo.hub.files import content_of
from demo.hub.repository import Operations
from demo.hub.server import Hub
from schemas.errors import ConfigError, NotPublished, ReleaseRefused
from tests.curation.release.hub.hubs import NAME, Hasty, hashes, publish, shown, stated

pytestmark = pytest.mark.slow
WRITES = re.compile(r"POST .*(commit|branch|tag|create|preupload|batch)|PUT |DELETE |xet-write")
SENDS = re.compile(r"POST .*(preupload|batch)|PUT /lfs|xet-write")


def writes(hub: Hub) -> list[str]:
    return [request for request in hub.requests if WRITES.match(request)]


def edit(hub: Hub, path: str, content: bytes) -> None:
    """Change a file on `main` by hand, as one does on the Hub's page."""
    work = Operations(f"Update {path}", "", None, {path: hub.store.in_git(content)}, (), ())
    hub.repositories[NAME].commit("main", work)


def test_main_shows_exactly_the_release_and_the_second_call_sends_nothing(hub: Hub, first: LocalRelease) -> None:
    done = publish(hub, first)
    repository = hub.repositories[NAME]
    assert (done.state, done.sent_files, done.tag) == ("published", len(first.files), "v0.1.0")
    assert done.new_repository
    assert shown(repository) == stated(first)
    for path in first.files:
        assert content_of(hub, repository, path) == (first.folder / path).read_bytes()
    assert list(repository.branches) == ["main"] and repository.tags == {"v0.1.0": done.commit}
    assert [hashes(tree) for tree in repository.shown] == [{}, stated(first)], "never a part"
    assert any(entry.xet for entry in repository.find("main").tree.values()), "large files went by Xet"
    hub.requests.clear()
    again = publish(hub, first)
    assert (again.state, again.sent_files, again.commit) == ("already", 0, done.commit) and writes(hub) == []


def test_the_next_version_replaces_the_last_one_in_one_step(
    hub: Hub, first: LocalRelease, second: LocalRelease
) -> None:
    publish(hub, first)
    edit(hub, "NOTES.txt", b"ours")
    done = publish(hub, second)
    repository = hub.repositories[NAME]
    assert shown(repository) == stated(second) | {"NOTES.txt": shown(repository)["NOTES.txt"]}
    assert done.kept == ("NOTES.txt",) and set(done.removed) == first.files.keys() - second.files.keys()
    assert 0 < done.sent_files < len(second.files), "files that stayed are not sent again"
    assert {tag: hashes(repository.find(tag).tree) for tag in repository.tags} == {
        "v0.1.0": stated(first),
        "v0.2.0": hashes(repository.find("main").tree),
    }
    assert publish(hub, first).state == "already", "an older version that was published is no step back"
    assert shown(repository).keys() >= second.files.keys()


def test_a_dry_run_changes_nothing_and_says_what_would_be_sent(
    hub: Hub, first: LocalRelease, second: LocalRelease
) -> None:
    would = publish(hub, first, Wishes(dry_run=True))
    assert (would.state, would.new_repository, would.sent_files) == ("would", True, len(first.files))
    assert hub.repositories == {} and writes(hub) == []
    publish(hub, first)
    hub.requests.clear()
    would = publish(hub, second, Wishes(dry_run=True))
    assert (would.state, would.new_repository) == ("would", False) and writes(hub) == []
    assert publish(hub, second).sent_files == would.sent_files


@pytest.mark.parametrize(
    ("account", "name", "told"),
    [
        (Account("me", "read"), NAME, "may only read"),
        (Account("me"), "stranger/films", r"may not make one under stranger \(only under me"),
        (Account("me", orgs={"lab": "read"}), "lab/films", "may not make one under lab"),
        (Account("me", "fineGrained"), NAME, "fine-grained token of me may not make one"),
        (Account("me", "fineGrained", scopes={"me": ("repo.content.read",)}), NAME, "fine-grained"),
    ],
)
def test_a_token_without_rights_is_told_so_before_anything_is_sent(
    hub: Hub, first: LocalRelease, account: Account, name: str, told: str
) -> None:
    hub.accounts["hf_other"] = account
    with pytest.raises(ConfigError, match=told):
        publish(hub, first, token="hf_other", name=name)
    assert writes(hub) == [] and hub.repositories == {}


def test_rights_of_a_repository_that_exists_are_asked_of_the_hub(
    hub: Hub, first: LocalRelease, second: LocalRelease
) -> None:
    publish(hub, first)
    hub.accounts["hf_other"] = Account("you")
    hub.requests.clear()
    with pytest.raises(ConfigError, match=r"403.*rights to write.*the token may not do that to me/films"):
        publish(hub, second, token="hf_other")
    assert writes(hub) == []
    hub.accounts["hf_fine"] = Account("me", "fineGrained", scopes={NAME: ("repo.write",)})
    assert publish(hub, second, token="hf_fine").state == "published"


def test_private_and_gated_hold_before_the_first_byte(hub: Hub, first: LocalRelease, second: LocalRelease) -> None:
    seen = []
    hub.on_request = lambda request, when: (
        seen.append((hub.repositories[NAME].private, hub.repositories[NAME].gated))
        if SENDS.match(request) and when == "before"
        else None
    )
    publish(hub, first, Wishes(private=True, gated=True))
    assert seen and set(seen) == {(True, "auto")}
    hub.repositories[NAME].private = False
    with pytest.raises(ConfigError, match="has readers already and is not private"):
        publish(hub, second, Wishes(private=True))
    assert publish(hub, second).state == "published" and hub.repositories[NAME].gated == "auto"


def test_a_tag_with_other_content_is_refused(hub: Hub, first: LocalRelease, second: LocalRelease) -> None:
    publish(hub, first)
    other = second._replace(version="0.1.0")
    hub.requests.clear()
    with pytest.raises(ConfigError, match=r"has the tag v0.1.0 with other content.*release a higher version"):
        publish(hub, other)
    hub.repositories[NAME].tags.clear()
    with pytest.raises(ConfigError, match=r"shows 0\.1\.0 with other content"):
        publish(hub, other)
    assert writes(hub) == [] and shown(hub.repositories[NAME]) == stated(first)


def test_readers_do_not_go_back(hub: Hub, first: LocalRelease, second: LocalRelease) -> None:
    publish(hub, second)
    with pytest.raises(ConfigError, match=r"shows 0.2.0 already, and 0.1.0 was never published"):
        publish(hub, first)


@pytest.mark.parametrize("path", ["README.md", "default/train-99999-of-99999.parquet"])
def test_what_somebody_changed_by_hand_is_found_and_replaced_only_on_demand(
    hub: Hub, first: LocalRelease, second: LocalRelease, path: str
) -> None:
    publish(hub, first)
    edit(hub, path, b"changed")
    for release in (first, second):
        with pytest.raises(NotPublished, match=f"somebody changed {path}.*--overwrite"):
            publish(hub, release)
    assert content_of(hub, hub.repositories[NAME], path) == b"changed"
    publish(hub, first, Wishes(overwrite=True))
    assert shown(hub.repositories[NAME]) == stated(first)
    assert publish(hub, first).state == "already"


def test_files_that_are_no_release_are_not_overwritten(hub: Hub, first: LocalRelease) -> None:
    publish(hub, first)
    hub.repositories[NAME].tags.clear()
    repository = hub.repositories[NAME]
    work = Operations("x", "", None, {"data.csv": hub.store.in_git(b"a,b")}, tuple(first.files), ())
    repository.commit("main", work)
    with pytest.raises(ConfigError, match=r"holds files that are no release of v2xum \(data.csv\)"):
        publish(hub, first)
    assert publish(hub, first, Wishes(overwrite=True)).removed == ("data.csv",)
    assert shown(repository) == stated(first)


def test_a_branch_of_somebody_else_is_left_alone(hub: Hub, first: LocalRelease) -> None:
    hub.accounts["hf_x"] = Account("me")
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=WRITE_TOKEN)
    api.create_repo(NAME, repo_type="dataset")
    repository = hub.repositories[NAME]
    repository.add_branch("release-0.1.0", "main")
    repository.commit("release-0.1.0", Operations("my own work", "", None, {"a": hub.store.in_git(b"a")}, (), ()))
    with pytest.raises(ConfigError, match=r"a branch release-0\.1\.0 that no publication made"):
        publish(hub, first)
    assert repository.find("release-0.1.0").title == "my own work"


def test_a_content_that_comes_back_otherwise_never_reaches_main(hub: Hub, first: LocalRelease) -> None:
    def damage(request: str, when: str) -> None:
        if when == "after" and "/commit/release-" in request:
            path = hub.store.path(first.files["full/train-00000-of-00001.parquet"].sha256)
            assert path is not None
            path.write_bytes(b"\0" + path.read_bytes()[1:])

    hub.on_request = damage
    with pytest.raises(NotPublished, match=r"full/train-00000-of-00001.parquet comes back as SHA-256"):
        publish(hub, first)
    assert [hashes(tree) for tree in hub.repositories[NAME].shown] == [{}]


@pytest.mark.parametrize("kind", ["drop", "drop_after", "half"])
def test_a_broken_connection_anywhere_leaves_main_whole(
    hub: Hub, first: LocalRelease, second: LocalRelease, kind: Kind
) -> None:
    """Every kind of request of a publication breaks once; where the client gives up, the next call goes on."""
    publish(hub, first)
    repository = hub.repositories[NAME]
    for request in (
        "whoami",
        "refs",
        "tree",
        "branch",
        "preupload",
        "xet-write",
        "commit/release",
        "resolve",
        "commit/main",
        "tag/",
        "DELETE",
    ):
        fault = Fault(request, kind)
        hub.faults.set(fault)
        try:
            publish(hub, second)
        except NotPublished as error:
            assert "no connection" in str(error) and "the same command goes on" in str(error)
            hub.faults.set()
            publish(hub, second)
        assert fault.times == 0, f"no request was {request}"
        assert shown(repository) == stated(second) and repository.tags.keys() == {"v0.1.0", "v0.2.0"}
        assert list(repository.branches) == ["main"]
        seen = [hashes(tree) for tree in repository.shown[1:]]
        assert all(tree in (stated(first), stated(second)) for tree in seen)
        back = Operations("back", "", None, dict(repository.find("v0.1.0").tree), tuple(second.files), ())
        repository.commit("main", back)
        del repository.tags["v0.2.0"]


def test_a_commit_whose_answer_is_lost_is_not_made_twice(hub: Hub, first: LocalRelease) -> None:
    hub.faults.set(Fault("commit/main", "drop_after"))
    assert publish(hub, first).state == "published"
    assert [commit.title for commit in hub.repositories[NAME].history("main")] == ["Release 0.1.0", "initial commit"]


def test_somebody_elses_commit_at_that_moment_is_not_lost(hub: Hub, first: LocalRelease) -> None:
    def interfere(request: str, when: str) -> None:
        if when == "before" and request.endswith("commit/main"):
            hub.on_request = lambda _request, _when: None
            edit(hub, "NOTES.txt", b"ours")

    hub.on_request = interfere
    with pytest.raises(NotPublished, match="somebody else changed `main`"):
        publish(hub, first)
    assert set(shown(hub.repositories[NAME])) == {"NOTES.txt"}


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (401, ConfigError, "does not accept the token; run `hf auth login`"),
        (402, NotPublished, "storage of me is used up"),
        (403, ConfigError, "the token may not do that to me/films"),
        (404, NotPublished, "is gone, or the token may not see it"),
        (409, NotPublished, "somebody else changed me/films"),
        (412, NotPublished, "somebody else changed me/films"),
        (413, NotPublished, "does not take so much at once"),
        (422, NotPublished, "refuses this release"),
        (429, NotPublished, "too many requests in a short time, wait 43 minutes"),
        (500, NotPublished, "a fault of the Hub"),
        (503, NotPublished, "a fault of the Hub"),
    ],
)
def test_every_answer_of_the_hub_is_one_sentence_without_the_token(
    hub: Hub, first: LocalRelease, status: int, kind: type[Exception], told: str
) -> None:
    publish(hub, first)
    said = f"no, {WRITE_TOKEN}, see https://x.y/?token={WRITE_TOKEN}"
    headers = {"Retry-After": "2580"} if status == 429 else {}
    hub.faults.set(Fault("refs", "status", times=9, status=status, message=said, headers=headers))
    steps = Hasty()
    with pytest.raises(kind, match=told) as caught:
        publish(hub, first, steps=steps)
    text = f"{caught.value!r} {caught.value.__cause__!r} {steps.said}"
    assert WRITE_TOKEN not in text and "\n" not in str(caught.value) and str(status) in text


def test_a_file_of_main_that_may_not_be_read_is_told(hub: Hub, first: LocalRelease, second: LocalRelease) -> None:
    publish(hub, first)
    hub.faults.set(Fault("resolve", "status", times=9, status=403, message="no"))
    with pytest.raises(ConfigError, match="the token may not do that to me/films"):
        publish(hub, second, steps=Hasty())


def test_no_network_is_told(hub: Hub, first: LocalRelease, tmp_path: Path) -> None:
    hub.stop()
    with pytest.raises(NotPublished, match=r"no connection to the Hub.*HTTPS_PROXY and HF_ENDPOINT"):
        publish(hub, first)


def test_a_gitignore_of_the_repository_hides_no_file_of_a_release(hub: Hub, first: LocalRelease) -> None:
    publish(hub, first)
    edit(hub, ".gitignore", b"*.cff\n*.parquet\n")
    publish(hub, first._replace(version="0.1.1"))
    assert shown(hub.repositories[NAME]) == stated(first) | {".gitignore": shown(hub.repositories[NAME])[".gitignore"]}


def test_a_release_that_somebody_cannot_read_is_not_sent(hub: Hub, first: LocalRelease) -> None:
    def refuse() -> None:
        raise ReleaseRefused("polars: a column differs")

    repository = HubRepository(NAME, Hasty(), endpoint=hub.url, token=WRITE_TOKEN)
    with pytest.raises(ReleaseRefused, match="polars"):
        publish_to_hub(repository, first, Wishes(), refuse)
    assert writes(hub) == [] and hub.repositories == {}
    publish(hub, first)
    assert publish_to_hub(repository, first, Wishes(), refuse).state == "already", "nothing is to be sent"
