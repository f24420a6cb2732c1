"""Searches of the passages that gateways store: the question, what the console stores, what the ingest sends,
and what the ingest stores of the answers. Nothing here needs a web server or a broker."""
