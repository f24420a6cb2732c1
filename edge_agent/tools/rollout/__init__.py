"""``edge-agent models rollout``: brings a model release to gateways in stages, through the broker alone. A
gateway never imports it."""
