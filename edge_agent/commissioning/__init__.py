"""Commissioning of a box at the pole: the choice of its site, cameras, passwords, verdict and report, on a
page for one phone or at the terminal; and the claim that the box sends to the centre. On a confirmed
gateway nothing here runs, except the check whether its site was withdrawn. See
docs/design/commissioning.md.
"""
