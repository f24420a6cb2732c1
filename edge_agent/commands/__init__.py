"""What the centre may ask a gateway to do: documents, signatures, journal, order, replies. See
docs/design/commands.md. What one command does is in ``handlers/``.
"""
