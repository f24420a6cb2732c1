"""The tables, the database, and what is known of every gateway. No message is read and none is sent here."""
