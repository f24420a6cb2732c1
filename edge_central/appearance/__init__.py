"""Compares pictures of candidates by an embedding model that the operator provides: the model's measured
card, the process that computes embeddings, and likelihood ratios. No model ships. ``journeys/`` makes the
candidates."""
