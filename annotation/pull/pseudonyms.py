"""The pseudonyms of a workspace's annotators, guarded against a key that was lost or exchanged."""

from __future__ import annotations

from pathlib import Path

from annotation.label_studio.access import Pseudonyms, pseudonyms_key
from curation.ledger.ledger import Ledger
from curation.ledger.properties import PSEUDONYMS
from curation.review.verdict_store import Reviews
from schemas.errors import ConfigError


def pseudonyms_of(workspace: Path, ledger: Ledger) -> Pseudonyms:
    """The pseudonyms as earlier pulls made them; the ledger notes a fingerprint of their key.

    Raises ConfigError when the key is missing or is another one than earlier: every annotator would become a second
    person, and an accepted sample a disputed one.
    """
    path, noted = pseudonyms_key(workspace), ledger.property(PSEUDONYMS)
    way_out = (
        "With another key every annotator would count as a second person. Put the old file back from a copy; or, if it "
        f"is gone for good, `v2xum repair {workspace} --accept` lets the next pull go on with another key"
    )
    if not path.exists() and (noted or (noted is None and next(Reviews(ledger).verdicts(), None) is not None)):
        raise ConfigError(f"{path} is missing, and verdicts were stored with it. {way_out}")
    made = Pseudonyms(workspace)
    if noted and noted != made.fingerprint:
        raise ConfigError(f"{path} is not the key that the stored verdicts were made with. {way_out}")
    if not noted:
        ledger.replace_property(PSEUDONYMS, made.fingerprint)
    return made
