"""What the makers of a dataset state as its licence, in the terms of the Hub and of SPDX.

The Hub refuses a card whose `license` is not one of its identifiers; any other licence is `other`, with a name. The
Citation File Format and Croissant want identifiers of SPDX (https://spdx.org/licenses).
"""

from __future__ import annotations

import re
import unicodedata

from schemas.safe_text import plain_line

OTHER = "other"
_LONGEST_NAME = 80
# https://huggingface.co/docs/hub/repositories-licenses; one that is missing here becomes `other` with its name.
HUB_LICENCES = frozenset(
    re.findall(
        r"\S+",
        """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
    bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc
    cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
    cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1
    agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 odc-by odbl openrail++
    osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr unknown other
    """,
    )
)
# Those that a dataset is likely to have and that mean one licence of SPDX; the licences of Creative Commons follow.
_SPDX = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "afl-3.0": "AFL-3.0",
    "artistic-2.0": "Artistic-2.0",
    "bsl-1.0": "BSL-1.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-3-clause-clear": "BSD-3-Clause-Clear",
    "c-uda": "C-UDA-1.0",
    "cc0-1.0": "CC0-1.0",
    "cdla-sharing-1.0": "CDLA-Sharing-1.0",
    "cdla-permissive-1.0": "CDLA-Permissive-1.0",
    "cdla-permissive-2.0": "CDLA-Permissive-2.0",
    "ecl-2.0": "ECL-2.0",
    "epl-1.0": "EPL-1.0",
    "epl-2.0": "EPL-2.0",
    "etalab-2.0": "etalab-2.0",
    "eupl-1.1": "EUPL-1.1",
    "isc": "ISC",
    "mpl-2.0": "MPL-2.0",
    "ms-pl": "MS-PL",
    "ncsa": "NCSA",
    "odbl": "ODbL-1.0",
    "odc-by": "ODC-By-1.0",
    "ofl-1.1": "OFL-1.1",
    "osl-3.0": "OSL-3.0",
    "pddl": "PDDL-1.0",
    "unlicense": "Unlicense",
    "wtfpl": "WTFPL",
    "zlib": "Zlib",
}


def hub_licence(stated: str | None) -> dict[str, str]:
    """The fields of a card's header for the licence that the makers state; none for None.

    A licence that the Hub does not know is `other`, with a `license_name` in its form (lower case, no spaces) and, for
    an http(s) address, a `license_link`.
    """
    if stated is None:
        return {}
    text = plain_line(stated)
    if text.lower() in HUB_LICENCES:
        return {"license": text.lower()}
    fields = {"license": OTHER, "license_name": _name(text)}
    return fields | ({"license_link": text} if re.fullmatch(r"https?://\S+", text) else {})


def spdx_licence(stated: str | None) -> str | None:
    """The identifier of SPDX for the licence that the makers state; None where it has none, or more than one."""
    known = plain_line(stated or "").lower()
    if known.startswith("cc-by") and known in HUB_LICENCES:
        return known.upper()
    return _SPDX.get(known)


def _name(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9.]+", "-", plain)[:_LONGEST_NAME].strip("-.") or "see-the-card"
