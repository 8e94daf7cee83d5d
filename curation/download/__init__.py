"""Downloads videos with yt-dlp in child processes, under checks of addresses, file sizes, memory and time."""
