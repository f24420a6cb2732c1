"""The thread that empties the outbox into the broker, and what comes back: acknowledgements and commands."""
