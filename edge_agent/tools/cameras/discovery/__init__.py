"""The search for cameras on the local network, and what it prints and writes. No setting is changed."""
