"""Commands of officers to gateways: which ones the console may send, the documents that operators sign in the
browser, and the log of what was sent. The ingest sends them (``edge_central/ingest/gateway_messages.py``).
"""
