"""Makes what a gateway is installed from: the Debian package, its apt repository, and images of cards.

It runs on a build machine, in the folder ``ansible``, and never on a gateway. What a gateway consists of is
described by the roles; nothing here repeats it.
"""
