"""Alerts for operators: judges rules over heartbeats and presence, stores and publishes the changes.

    measures, alert_settings -> engine -> service -> table, MQTT, webhook

docs/design/central.md#alerts has the reasons, docs/guide/alerts.md the use.
"""
