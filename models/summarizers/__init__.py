"""Video summarizers that are trained here: networks over frame vectors, their slots and their output."""
