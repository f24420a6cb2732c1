"""One file a family of checks of the doctor. Findings and figures only: the sentences are in ``words/``."""
