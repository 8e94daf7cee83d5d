"""The pace of downloads from each host, and pauses for hosts that refuse: the rules, and where their state is kept."""
