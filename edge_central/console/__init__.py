"""What the monitoring room asks: typed, scoped, read-only questions of the database, and the duty book."""
