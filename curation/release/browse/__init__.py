"""The browse page of a release: a folder of static files in which people search, filter and look at every sample."""
