"""What somebody at the centre should look at: rules over heartbeats and presence, and who is told.

    measures -> rules -> book -> desk -> table, MQTT, webhook

docs/design/central.md#alerts has the reasons, docs/guide/alerts.md the use.
"""
