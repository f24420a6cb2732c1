"""The thread that sends the outbox to the broker, and what comes back: acknowledgements and commands."""
