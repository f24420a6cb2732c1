"""Boxes that have no site yet: enrolment certificates, the site bundle, labels, and answers to claims.

Nothing here reads a vault: what lies on an unclaimed box contains no password. docs/guide/claims.md describes
the use.
"""
