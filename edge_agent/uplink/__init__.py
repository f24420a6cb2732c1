"""What the uplink may carry: counters, the provider's month, the budget, and rates. Nothing is sent from
here.
"""
