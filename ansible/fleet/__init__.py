"""The fleet's sheet, ``inventory/sites.csv``, checked and turned into what Ansible reads.

Runs on the control machine with Python's standard library and PyYAML: ``python3 -m fleet --help`` in the
``ansible`` folder. What comes out is described in docs/design/deployment.md.
"""
