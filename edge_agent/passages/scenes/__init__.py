"""Whole pictures of passages: taken beside the small ones, shared by several passages, kept for hours."""
