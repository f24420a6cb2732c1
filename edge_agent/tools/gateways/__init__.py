"""``edge-agent gateways``: all gateways in one live table, from the broker alone; docs/guide/table.md. It
sends nothing."""
