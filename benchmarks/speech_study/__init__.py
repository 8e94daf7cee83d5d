"""What transcripts add on films that are partly told: keyframe F1 with and without, a control, and the cost."""
