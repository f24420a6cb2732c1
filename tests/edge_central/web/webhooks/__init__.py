"""Webhooks of the console."""
