"""The connection to the brokers. The only home of paho. What an event means is not known here."""
