"""The page of all reasons of rejection, from schemas.meanings."""

from __future__ import annotations

from flows.cli.reference.markdown import code, page, table
from schemas.meanings.reasons import PLACES


def render() -> str:
    """The page: a section for every place at which a video can be set aside."""
    about = (
        "`v2xum status` counts these reasons, `v2xum explain WORKSPACE ID` shows the evidence and the way out. A "
        "reason has a class. **Transient**: the next `v2xum curate` tries the video again. **Permanent** and "
        "**refused**: another try would end in the same way; when you have mended the cause, `v2xum retry WORKSPACE "
        "--reason REASON`. **Poison**: the file crashed or hung a decoder; only `v2xum retry WORKSPACE --class poison` "
        "tries it again. A reason from a key of the configuration needs no `retry`: when the key changes, it is due."
    )
    sections = []
    for place in PLACES:
        rows = ((code(reason.slug), reason.means, reason.do) for reason in place.reasons)
        sections += [f"## {place.where}", table(("Reason", "What happened", "What to do"), rows)]
    return page("Reasons of rejection", about, *sections)
