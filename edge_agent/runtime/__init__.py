"""What stands between the agent and its packages while it runs: event storage, reload, commands, the control
socket. Imported by ``agent.py`` alone.
"""
