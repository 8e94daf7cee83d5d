"""Text on screen on films whose text is known: what is read, what it is told to be, and what looking less costs."""
