"""``edge-agent conformance``: checks that a live gateway follows the contract of docs/reference/topics.md. It
changes nothing on the gateway."""
