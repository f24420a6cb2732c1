"""How long what was reported is kept: each kind its time, holds that exempt, a record of each deletion.

docs/design/central.md#retention.
"""
