"""The connection to the brokers, and the only home of paho. What an event means is not known here."""
