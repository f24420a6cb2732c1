"""``edge-agent conformance``: does a live gateway keep the contract of docs/reference/topics.md?"""
