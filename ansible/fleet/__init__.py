"""Checks the fleet's sheet, ``inventory/sites.csv``, and builds Ansible's inventory from it.

It runs on the control machine with Python's standard library and PyYAML: ``python3 -m fleet --help`` in the
``ansible`` folder. docs/design/deployment.md describes the output.
"""
