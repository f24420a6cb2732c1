"""Commissioning of a box at the pole: which site it stands at, cameras, passwords, verdict and papers, on a
page for one phone or at the terminal; and the claim that it sends to the centre. Nothing here runs beside a
confirmed gateway but the question whether its site was withdrawn. See docs/design/commissioning.md.
"""
