"""The SOAP service for ONVIF clients: its logins, its operations, and requests that wait for messages."""
