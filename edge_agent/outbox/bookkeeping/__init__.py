"""Order, epochs, backlog and pending deletions of the outbox's rows. Opens no file."""
