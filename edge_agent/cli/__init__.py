"""The command ``edge-agent``: the parsers and the output of its sub-commands. No other package imports it."""
