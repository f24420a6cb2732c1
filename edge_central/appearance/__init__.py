"""Compares pictures of candidates by an embedding model of the operator: its measured card, the process that
computes embeddings, and likelihood ratios. No model ships. What candidates are is in ``journeys/``."""
