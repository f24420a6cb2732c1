"""TLS of a broker connection: contexts, certificates, and the two slots through which they are renewed."""
