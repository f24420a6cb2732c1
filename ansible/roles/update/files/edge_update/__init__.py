"""Installs a signed release beside the one in force, tries it, and keeps it or rolls it back.

It runs as root and is outside of every release: standard library and openssl only. See docs/design/update.md.
"""
