"""The description of a configuration: field types, the YAML tree with positions, and parts of error messages.
No key of a particular section is here."""
