"""Captions of clips against captions of frames, on films in which no single picture shows what happens."""
