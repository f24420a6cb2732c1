"""Turns the output tensors of each family of models into boxes, labels and scores. Loads no model."""
