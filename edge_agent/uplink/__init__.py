"""What the uplink may carry: counters, the billing period, the budget, and rates. Nothing is sent from
here."""
