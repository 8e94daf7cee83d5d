"""What is loaded or called: chat models, CLIP, sentence embedders, and the cache of replies."""
