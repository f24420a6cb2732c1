"""Light gateways for the bench: thousands of real MQTT sessions without a thread, process or file each."""
