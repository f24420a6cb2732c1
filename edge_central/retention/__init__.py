"""How long reports are kept: a time for each kind, holds that exempt, a record of each deletion. No other
part deletes events and media.

docs/design/central.md#retention.
"""
