"""One connection to one broker: client, callbacks, reconnect. It does not know the outbox."""
