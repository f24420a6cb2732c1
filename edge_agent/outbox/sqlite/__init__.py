"""The database file of the outbox: transactions, checks for damage, and salvage."""
