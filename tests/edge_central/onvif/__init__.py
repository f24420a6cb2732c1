"""Events as ONVIF notifications: over MQTT, and fetched by SOAP clients."""
