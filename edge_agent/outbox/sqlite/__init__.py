"""The database file of the outbox: transactions, pages, damage and salvage. Which event goes next is decided
outside.
"""
