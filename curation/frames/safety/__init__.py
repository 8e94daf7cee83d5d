"""What pictures show that may not be published as it is: scores, filters, and blurred pictures."""
