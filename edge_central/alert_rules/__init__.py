"""Alert rules and their measures: numbers and facts of a gateway, a camera or a ward. Pure: no database,
no message. ``settings.py`` and ``alerts/`` use it."""
