"""What the monitoring room asks: typed, scoped, read-only queries of the database, and the incident log. No
HTML.
"""
