"""How well the splits find planted copies, and how long they take."""
