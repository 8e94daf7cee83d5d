"""Downloads videos with yt-dlp, under checks of addresses, file sizes and time."""
