"""Deletes expired rows and media. Each kind has a maximum age, holds exempt rows, and each deletion is
recorded. No other part deletes events and media. See docs/design/central.md#retention."""
