"""What is written in the pictures: which frames are read, what a line is, and the record of a video."""
