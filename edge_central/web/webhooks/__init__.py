"""Webhooks of the console: what is due, the document that is posted, and the thread that posts it."""
