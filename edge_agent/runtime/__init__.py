"""Services of the running agent: event storage, reload, commands, the control socket. Only ``agent.py``
imports it.
"""
