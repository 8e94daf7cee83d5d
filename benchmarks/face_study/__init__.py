"""How fast faces are found in pictures."""
