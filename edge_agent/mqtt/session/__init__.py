"""One connection to one broker: client, callbacks, reconnect. Nothing of the outbox is known here."""
