"""Commissioning of a box at the pole. On a page for one phone or at the terminal, a technician chooses the
site, enters the passwords of its cameras, lets doctor examine the site and signs the report. The box sends a
claim to the centre. On a confirmed gateway none of this runs, except the check whether its site was
withdrawn. See docs/design/commissioning.md.
"""
