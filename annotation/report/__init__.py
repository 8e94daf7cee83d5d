"""Progress, agreement, annotators and label-error rates of a review, as figures and as a page."""
