"""What flows share: their parameters with descriptions for forms, and the events that they emit."""
