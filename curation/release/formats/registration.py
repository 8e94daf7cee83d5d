"""The entries by which trainers find the files of a format, for LLaMA-Factory and ms-swift."""

from __future__ import annotations

from typing import Any, Literal

Entry = dict[str, Any]
Media = Literal["videos", "images"]

NAME = "v2xum"


def llamafactory_entry(file_name: str, media: Media | None = None, *, ranking: bool = False) -> Entry:
    """An entry of LLaMA-Factory's `dataset_info.json`: its value; the key is the dataset's name.

    `file_name` is relative to the folder of `dataset_info.json`, a file or a folder of files. Records have `messages`
    with `role` (user, assistant) and `content`, and with `ranking` also `chosen` and `rejected`, one message each, for
    DPO. `media` is the column of videos or images.
    """
    columns = {"messages": "messages"}
    if ranking:
        columns |= {"chosen": "chosen", "rejected": "rejected"}
    if media is not None:
        columns[media] = media
    return {
        "file_name": file_name,
        "formatting": "sharegpt",
        **({"ranking": True} if ranking else {}),
        "columns": columns,
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    }


def ms_swift_entry(name: str, path: str) -> Entry:
    """An entry of the list that ms-swift reads with `--custom_dataset_info`; `path` is relative to its folder."""
    return {"dataset_name": name, "dataset_path": path}


def dataset_name(split: str, kind: str = "") -> str:
    """The name of a dataset in these files: `v2xum_train`, with a kind `v2xum_dpo_train`."""
    return "_".join(part for part in (NAME, kind, split) if part)
