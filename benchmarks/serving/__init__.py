"""How near a run comes to what its model server can do."""
