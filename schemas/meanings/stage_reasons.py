"""Reasons for which a video is set aside after its download, by people, and by commands on releases."""

from __future__ import annotations

from schemas.meanings.reason import AGAIN, Place, Reason

_POISON = "look at the file; when the cause is mended, `v2xum retry WORKSPACE --class poison`"
_REPORT = "a fault of the program or of the ledger: report it with the output of `v2xum explain`"
_FETCH = "`v2xum curate` makes the picture again; then the same command"
_AGAIN = "`v2xum retry WORKSPACE --reason"
_MODEL = "look at the raw reply (`v2xum explain`), try another model or prompt, then `v2xum retry WORKSPACE --reason"

FRAMES = Place(
    "Frames, and everything that decodes a video (`frames`)",
    (
        Reason("no_frames", "No frame could be decoded.", "encode the video again"),
        Reason("decord_failed", "decord cannot read the file.", "set `frames.backend: pyav`"),
        Reason("crashed", "The decoder crashed on this file.", _POISON),
        Reason("memory", "More memory than `frames.memory_megabytes`; a page: than `download.memory_megabytes`.",
               "raise the limit for a source that you trust; the same command tries it again"),
        Reason("cpu_time", "Reading the page took more than `download.cpu_seconds`.",
               "raise the limit for a source that you trust; the same command tries it again"),
        Reason("memory_limit", "`ulimit -v` allows less than a decoder may need.",
               "raise the limit of the shell or container"),
        Reason("killed", "Something outside ended the decoder, such as the system when memory was short.", AGAIN),
        Reason("picture_changed", "A frame decodes to another picture than before.", _POISON),
        Reason("picture_gone", "A picture was removed each time it was drawn.",
               "look for what deletes files in the workspace"),
        Reason("unexpected", "An error that the program did not foresee, with this video only.", _REPORT),
        Reason("machine", "The machine lacked something at that moment (memory, threads, files).", AGAIN),
    ),
)  # fmt: skip

TEXTS = Place(
    "Captions, summaries and scores (`caption`, `extract`, `refine`, `safety`)",
    (
        Reason("model_failed", "The server or the model gave up a request for now.", AGAIN),
        Reason("media_path", "The picture could not be written for the server.",
               "look at `models.captioner.media_path`"),
        Reason("out_of_memory", "The model in this process ran out of memory.",
               "lower `batch`, or take a smaller model"),
        Reason("prompt_too_long", "The captions do not fit into the context of the model.",
               "raise `serve.max_model_len`, or set `extract.window_frames` and `refine.lines`"),
        Reason("captions_failed", "More frames than `caption.max_failed` have no usable caption.",
               f"{_MODEL} captions_failed`"),
        Reason("prompt_echo", "The model repeats its prompt.", f"{_MODEL} prompt_echo`"),
        Reason("degenerate_text", "The model repeats itself, or writes no words or another language.",
               f"{_MODEL} degenerate_text`"),
        Reason("keyframes_alike", "All keyframes that the model chose look alike.", f"{_MODEL} keyframes_alike`"),
        Reason("extract_failed", "No reply to the choice of keyframes was usable.", f"{_MODEL} extract_failed`"),
        Reason("refine_failed", "No reply to the rewriting was usable.", f"{_MODEL} refine_failed`"),
        Reason("captions_out_of_order", "The captions are not in the order of time.", _REPORT),
        Reason("keyframe_without_caption", "A keyframe has no caption.", _REPORT),
        Reason("frame_missing", "A captioned frame is not among the sampled ones.", _REPORT),
        Reason("frame_changed", "A caption belongs to another picture than the frame has.", _REPORT),
        Reason("unreadable_picture", "A picture is no whole JPEG.", _FETCH),
        Reason("no_number", "A model that scores pictures computes no finite number.",
               "try another model or device, then `v2xum retry WORKSPACE --reason no_number`"),
    ),
)  # fmt: skip

TRANSCRIPTS = Place(
    "A video without a transcript, or a segment that is left out (column `transcript`; the video goes on)",
    (
        Reason("no_subtitles",
               "Neither the publisher nor the file has subtitles in the languages of `download.subtitles`.",
               "name further languages, if there are any; beside your own `film.mp4` put `film.en.srt`"),
        Reason("subtitles_missed",
               "There are subtitles, and they could not be fetched or read; the column `notes` says more.",
               f"mend the cause, then {_AGAIN} subtitles_missed`: the download is made again"),
        Reason("unreadable_subtitles", "The file is no WebVTT, SRT or json3 with cues; the column `notes` says more.",
               "another language may have others; when the cause is mended, "
               f"{_AGAIN} unreadable_subtitles`"),
        Reason("wrong_clock", "Most of the subtitles would be said after the end of the video.", "nothing"),
        Reason("nothing_said", "No segment is left.", "nothing"),
        Reason("no_time", "The segment ends before it begins.", "nothing, if few"),
        Reason("after_the_end", "The segment begins after the end of the video.", "nothing, if few"),
        Reason("too_long", "The segment has more than 1,000 characters.", "nothing, if few"),
        Reason("broken_characters", "The segment holds bytes that are no text.", "nothing, if few"),
        Reason("no_words", "The segment has neither letters nor digits.", "nothing, if few"),
        Reason("no_sound", "The file of the video has no sound.",
               "`download.sound: true` for sites that give sound apart from the picture, as YouTube does"),
        Reason("sound_missed",
               "The sound is a file of its own, and the video could not be fetched again when it was wanted.",
               f"mend the cause, then {_AGAIN} sound_missed`: the download is made again"),
        Reason("unreadable_sound",
               "No sound can be decoded, or not within the limits of `frames`; the column `notes` says more.",
               f"look at the file, or raise the limit, then {_AGAIN} unreadable_sound`"),
        Reason("silence", "Nothing in the sound is loud enough, or like a voice (`transcribe.voice`).", "nothing"),
        Reason("not_recognised", "The speech recogniser answered no piece of the sound.",
               f"look at the log of its server, then {_AGAIN} not_recognised`"),
        Reason("piece_refused", "The recogniser refused this piece of the sound.", "look at the log of its server"),
        Reason("piece_unanswered", "The recogniser gave this piece of the sound no answer, although asked again.",
               f"look at the log of its server, then {_AGAIN} piece_unanswered`"),
        Reason("no_speech", "The recogniser itself doubts that anybody speaks here.", "nothing"),
        Reason("repetitive", "The text repeats itself, as recognisers write about noise and music.", "nothing"),
        Reason("repeated", "One of three or more equal segments in a row, and not the first.", "nothing"),
        Reason("outside_piece", "It would be said before or after the sound that the recogniser was given.",
               "nothing, if few"),
        Reason("over_limit", "The transcript is longer than `transcribe.max_segments` or `max_characters`.",
               "raise the limit for long videos"),
    ),
)  # fmt: skip

CORRECTIONS = Place(
    "A part of a correction that is refused (column `denoised`; its words stay as they were heard)",
    (
        Reason("number_changed", "It would bring another number, or another sign beside one.", "nothing"),
        Reason("negation_changed", "It would say the contrary (known in English alone).", "nothing"),
        Reason("name_invented", "It would bring a name that no other line has.", "nothing"),
        Reason("name_changed", "It would put another word in the place of a name.", "nothing"),
        Reason("words_added", "It would add words.", "nothing"),
        Reason("words_lost", "It would leave out words.", "nothing"),
        Reason("other_words", "It would put words in the place of others that do not sound alike.", "nothing"),
        Reason("too_different", "It would change more than two fifths of the words.", "nothing"),
        Reason("too_long", "It would be much longer than the line.", "nothing"),
    ),
)  # fmt: skip

CAPTIONS = Place(
    "A frame without a caption (column `captions_failed`, `caption_missing`; the video goes on)",
    (
        Reason("no_representative", "The like frame whose caption it would share has none.", "nothing"),
        Reason("representative_failed", "The like frame whose caption it would share, which is named, got none.",
               "look at the reason of that frame"),
        Reason("not_the_schema", "The reply for a clip was no JSON with a caption for each of its frames.",
               "nothing, if few"),
        Reason("other_times", "The reply for a clip was about other frames than those that were shown.",
               "nothing, if few"),
        Reason("judged_wrong", "People judged the caption to be wrong and wrote no other.", "nothing"),
        Reason("withdrawn", "The same, in the configuration `frames` of a release.", "nothing"),
        Reason("empty", "The reply was empty.", "nothing, if few"),
        Reason("no_words", "The reply had no words.", "nothing, if few"),
        Reason("too_long", "The reply was longer than its tokens allow.", "nothing, if few"),
        Reason("cut_off", "The reply ended at `caption.max_tokens`.", "raise `caption.max_tokens`, if many"),
        Reason("broken_characters", "The reply held bytes that are no text.", "nothing, if few"),
        Reason("refused", "The server refused the request.", "look at the server's log, if many"),
    ),
)  # fmt: skip

PEOPLE = Place(
    "The audit and people (`audit`, `review`)",
    (
        Reason("unsupported", "No sentence of the summary is supported by the captions that it cites.",
               "look at its sentences in `v2xum explain`; `--set audit.refuse_below=null` publishes them"),
        Reason("awaits_review", "Little supports the summary, or captions contradict it: people decide.",
               "`v2xum review push WORKSPACE`, or `--set audit.review_below=null`"),
        Reason("picture_missing", "A keyframe has no picture to compare.", _FETCH),
        Reason("bad_vectors", "The embedding model gave numbers that are no vectors.",
               "another model, or `dtype: float32`"),
        Reason("nothing_to_compare", "No keyframe has both a picture and a caption.", "nothing"),
        Reason("rejected", "People rejected the sample without a reason.",
               "nothing; `v2xum review push --again` asks again"),
        Reason("hallucinated", "People: the text tells what is not there.", "nothing; a new summary is judged anew"),
        Reason("missed_event", "People: an important event is missing.", "nothing; a new summary is judged anew"),
        Reason("bad_timestamps", "People: the times are wrong.", "nothing; a new summary is judged anew"),
        Reason("bad_text", "People: the text is not readable.", "nothing; a new summary is judged anew"),
        Reason("unusable_video", "People: the video is of no use.", "nothing"),
        Reason("harmful", "People: the video should not be in a dataset.", "nothing"),
    ),
)  # fmt: skip

EXPORT = Place(
    "The export and releases (`export`; commands on releases)",
    (
        Reason("inconsistent_sample", "Parts of the sample do not belong to each other.", _REPORT),
        Reason("image_missing", "The picture of a keyframe is not in the store.", _FETCH),
        Reason("image_changed", "The picture of a keyframe is not what its hash says.", _FETCH),
        Reason("bad_row", "`v2xum reconstruct`: a row of the release cannot be read.", "copy the release again"),
        Reason("another_file", "`v2xum reconstruct`: the address gives another file now.",
               "compare the frames in the report; the original is gone"),
        Reason("not_tried", "`v2xum reconstruct`: it was stopped before this video.", "the same command goes on"),
    ),
)  # fmt: skip
