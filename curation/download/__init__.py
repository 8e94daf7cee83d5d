"""Downloads videos with yt-dlp behind guards on addresses, size and time."""
