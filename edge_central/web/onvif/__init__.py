"""The SOAP service for ONVIF clients: logins, the operations, and the request that waits for messages."""
