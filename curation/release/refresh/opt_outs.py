"""The opt-outs in force as a release publishes them: `optout.jsonl`, a JSON object a line, as `v2xum refresh` reads it.

Who opted out does not want to be found. So names are hashes: whoever builds a dataset can tell whether a video of
theirs is meant, and a reader of the list learns no address and no channel. Hashes of what can be listed, such as
YouTube's ids, can be guessed; that is why nothing else is beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from curation.sources.opt_outs import OptOut
from schemas.configuration.refresh_config import RefreshConfig

FILE = "optout.jsonl"


def published_list(opt_outs: Iterable[OptOut], config: RefreshConfig) -> str:
    """The text of a release's optout.jsonl, by kind and hash; empty without opt-outs.

    With `refresh.publish_opt_outs: ids` an id that the list gave in plain text is in plain text.
    """
    lines = []
    for one in sorted(opt_outs):
        plain = one.name is not None and config.publish_opt_outs == "ids"
        lines.append(json.dumps({"id": one.name} if plain else {"kind": one.kind, "sha256": one.sha256}))
    return "".join(f"{line}\n" for line in lines)
