"""What an operator should look at: rules over heartbeats and presence, and where alerts are sent.

    alert_rules -> book -> desk -> table, MQTT, webhook

docs/design/central.md#alerts has the reasons, docs/guide/alerts.md the use.
"""
