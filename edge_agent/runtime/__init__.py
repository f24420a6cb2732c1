"""Services of the running agent: event storage, reload, commands, the control socket.

Only ``composition.py``, ``agent.py`` and ``cli`` import it.
"""
