"""Texts of videos, people and models in a form that no trainer can take for its own marks.

Trainers and tokenizers find their marks inside texts: `<image>`, `<video>`, `<|im_start|>`, `</s>`, `[INST]`, `[SEP]`,
`ASSISTANT:`. A summary that holds one would change the number of media tokens, the roles, or the times. The rule has no
list of marks, since tomorrow's trainers have others:

1. white space is collapsed, and control characters are removed (`schemas.safe_text.clean_text`);
2. `<` and `>` become `‹` and `›`, and `[` and `]` become `(` and `)`; so do their wide and small forms, which some
   tokenizers turn into them;
3. a colon behind the name of a role (`USER`, `ASSISTANT`, `Human` and so on) becomes ` -`;
4. a text of which nothing is left is `…`.
"""

from __future__ import annotations

import re

from schemas.safe_text import clean_text

ROLES = ("system", "user", "assistant", "human", "gpt", "bot", "model", "tool", "function", "observation")
EMPTY = "…"
_BRACKETS = str.maketrans({
    **dict.fromkeys("<＜﹤", "‹"), **dict.fromkeys(">＞﹥", "›"),
    **dict.fromkeys("[［", "("), **dict.fromkeys("]］", ")"),
})  # fmt: skip
_ROLE = re.compile(rf"({'|'.join(ROLES)})\s*[:：﹕]+", re.IGNORECASE)


def neutral(text: str) -> str:
    """The text by the rule above: one line without `<`, `>`, `[`, `]` and role names with a colon; never empty.

    A neutral text stays as it is.
    """
    return _ROLE.sub(r"\1 -", clean_text(text).translate(_BRACKETS)) or EMPTY
