"""Several annotators on the demo's world: tau of saliency, calibration of self-agreement, and cost in tokens."""
