"""Evidence bundles for an expert of a court: written on the gateway, checked anywhere."""
