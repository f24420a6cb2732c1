"""Searches of the passages that gateways store: the question, the records of the console, what the ingest
sends, and what it stores of the answers. Nothing here needs a web server or a broker.
"""
