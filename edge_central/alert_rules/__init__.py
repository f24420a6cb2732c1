"""What an alert rule is and what it can measure: one number or fact of a gateway, a camera or a ward. Pure:
no database, no message. ``settings.py`` and ``alerts/`` use it.
"""
