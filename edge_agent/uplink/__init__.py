"""Limits of the uplink: counters, the billing period, the budget, and rates. Nothing is sent from here."""
