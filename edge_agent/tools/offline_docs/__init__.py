"""``edge-agent docs``: pages of docs/guide that help at a gateway, without a network. In the wheel they are
copies, in a checkout links."""
