"""Measures tamper detection: tampering and ordinary scenes, made from real clips, with exact truth."""
