"""Draws the canaries of the demo: held-out frames with the words that a right caption of them holds.

`python -m demo.tiny_models.canaries --out data/demo/canaries`
"""

import argparse
import json
from pathlib import Path

from demo.render import draw
from demo.tiny_models.caption_data import FIRST_HELD_OUT_SEED
from demo.world import Stretch, make_script

FIRST_SEED = FIRST_HELD_OUT_SEED + 60_000_000  # neither training nor evaluation uses these scripts
PICTURES = 16


def words_of(stretch: Stretch) -> tuple[tuple[str, ...], ...]:
    """The words that a right caption of a stretch holds: the place, and every object's colour and shape or the sign."""
    event = stretch.event
    if event is not None and event.word is not None:
        return (event.word.lower(),), (stretch.place.split()[0],)
    things = [pose.thing for pose in stretch.resting] + ([event.thing] if event and event.thing else [])
    words = dict.fromkeys(word for thing in things for word in (thing.colour, thing.shape))
    return *((word,) for word in words), (stretch.place.split()[0],)


def main() -> None:
    """Draw the pictures, and write them and canaries.json to the folder of the command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    listing: list[dict[str, object]] = []
    seed = FIRST_SEED
    while len(listing) < PICTURES:
        script = make_script(seed)
        second = script.keyframes[seed % len(script.keyframes)]
        words = words_of(script.at(second))
        if len(words) > 1:
            name = f"{len(listing):02d}.jpg"
            draw(script, second).save(out / name, quality=92)
            listing.append({"file": name, "words": words})
        seed += 1
    lines = ",\n".join(f"  {json.dumps(picture)}" for picture in listing)
    (out / "canaries.json").write_text(f'{{"pictures": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
