"""What the MQTT side costs."""
