"""Deletes expired rows and media: a time for each kind, holds that exempt, a record of each deletion. No
other part deletes events and media. See docs/design/central.md#retention."""
