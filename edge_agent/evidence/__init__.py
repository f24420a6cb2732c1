"""Snapshots and media on the gateway: encoding, names, sealing, rotation and holds. Nothing is sent from
here.
"""
