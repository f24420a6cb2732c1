"""Measures the board that it runs on, and writes the result into its file in ``firmware_profiles/``."""
