"""From the broker into the database: the link, batches, confirmations, and requests to gateways. The order of
it all is in ``ingest_thread.py``.
"""
