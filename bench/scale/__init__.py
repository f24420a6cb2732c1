"""Measures one broker and one centre with a whole city of simulated gateways: docs/scale.md."""
