"""Decides who may log in and what they may see: accounts, passwords, sessions, and the log of media access.
No page with content is made here."""
