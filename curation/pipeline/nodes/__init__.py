"""One run on several machines: a driver hands out shards of videos, and a worker on every node carries them."""
