"""Commands for those who have a release and no workspace."""
