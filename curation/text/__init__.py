"""The stages that ask language models: a caption for each frame, the extractive and the abstractive summary."""
