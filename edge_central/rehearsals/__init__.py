"""Rules of cameras as their gateways configure them, and rehearsals of drafted rules that officers ask for in
the console. Nothing here arms a rule.
"""
