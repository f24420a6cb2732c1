"""The signed chain of a gateway's events, and its verification. The centre uses it too."""
