"""Chat models from checkpoints in this process, with grammar-constrained decoding."""
