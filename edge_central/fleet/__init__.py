"""The gateways compared with what is expected of them, and roll-outs of releases with their progress."""
