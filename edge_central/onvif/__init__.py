"""Events of gateways as ONVIF notifications: the mapping of topics, MQTT messages, and pull points.

``mapping.py`` says which event becomes which topic, ``properties.py`` makes notifications of events,
``publisher.py`` publishes them over MQTT, ``pull_points.py`` stores what ONVIF clients fetch, and ``soap/``
reads and writes their messages. The HTTP side is in ``edge_central/web/onvif``. See
docs/design/onvif-events.md.
"""
