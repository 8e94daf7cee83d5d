"""The sources of videos: readers of lists, folders and addresses, and filters of videos."""
