"""The metrics of summaries: text, video (frames and scores) and cross-modal, with the processes and caches they use."""
