"""How a configuration is described: field types, the tree with positions, and the words of its errors. No key
of a particular section is here.
"""
