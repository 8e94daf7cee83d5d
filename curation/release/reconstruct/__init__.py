"""Makes the videos and frames of a release again from its folder alone: downloaded, verified, sampled, compared."""
