"""Claims of boxes at the centre."""
