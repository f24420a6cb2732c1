"""Stage 3: what is looked at, and what a model sees there."""
