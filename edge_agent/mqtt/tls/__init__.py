"""TLS of a broker connection: contexts, certificates, and the two slots that they are renewed in."""
