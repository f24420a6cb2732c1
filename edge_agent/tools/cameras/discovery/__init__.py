"""The search for cameras on the local network, and its output. It changes no setting."""
