"""What is said in a video: reads the subtitles of its publisher, and makes the transcript."""
