"""Installs a signed release beside the one in force, tries it, and keeps it or goes back.

Root's program, outside of every release: standard library and openssl only. See docs/design/update.md.
"""
