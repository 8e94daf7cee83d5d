"""The three instructions of Instruct-V2Xum, word for word: one for each task, without paraphrases.

Upstream trains with `<video>` and a newline, and infers with a stray space after the newline. Here all prompts, in
training and in inference, have the first form.
"""

from __future__ import annotations

from schemas.release import Task

VIDEO_MARK = "<video>"  # where the frames stand
ASK_V2V = f"{VIDEO_MARK}\nPlease generate a VIDEO summarization for this video."
ASK_V2T = f"{VIDEO_MARK}\nPlease generate a TEXT summarization for this video."
ASK_V2VT = f"{VIDEO_MARK}\nPlease generate BOTH video and text summarization for this video."
ASK: dict[Task, str] = {"v2v": ASK_V2V, "v2t": ASK_V2T, "v2vt": ASK_V2VT}
