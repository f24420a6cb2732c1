"""Commands of officers to gateways: which commands the console may send, the documents that operators sign in
the browser, and the log of sent commands. The ingest sends them
(``edge_central/ingest/gateway_messages.py``).
"""
