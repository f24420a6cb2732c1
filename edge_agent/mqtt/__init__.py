"""The connection to the brokers; the only package that uses paho. It does not know what an event means."""
