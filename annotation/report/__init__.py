"""Reports a review's progress, agreement, annotators and label-error rates, as figures and as a page."""
