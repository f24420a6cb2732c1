"""MQTT clients of programs that a person runs: they connect at once or say why. The agent never uses them."""
