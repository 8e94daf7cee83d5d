"""The modern road: a current vision-language model, tuned by TRL on the files that a release has for it."""
