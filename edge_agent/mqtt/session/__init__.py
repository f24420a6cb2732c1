"""One connection to one broker: client, callbacks, reconnect. The outbox is not known here."""
