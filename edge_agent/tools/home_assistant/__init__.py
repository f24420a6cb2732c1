"""``edge-agent home-assistant``: announces gateways and cameras to Home Assistant;
docs/guide/home-assistant.md."""
