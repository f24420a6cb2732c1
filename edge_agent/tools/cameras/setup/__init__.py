"""The settings of a camera, over its vendor's interface or ONVIF: read, changed, and read back. Nothing is
searched for."""
