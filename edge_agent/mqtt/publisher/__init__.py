"""The thread that sends the outbox to the broker, and handles acknowledgements and commands from it."""
