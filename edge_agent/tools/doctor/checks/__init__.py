"""The doctor's checks, one file for each family. They return findings and values; the sentences are in
``words/``."""
