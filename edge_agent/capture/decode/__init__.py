"""Decodes packets to pictures, and decides how many of them to decode. Opens no connection."""
