"""From the broker into the database: the broker session, batches, confirmations, and commands to gateways.
``ingest_thread.py`` runs these parts in order."""
