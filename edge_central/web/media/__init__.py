"""Snapshots, clips and bundles over HTTP. Each access is written down before it is shown."""
