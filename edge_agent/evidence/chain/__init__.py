"""The signed chain over all events of a gateway, and its verification. No media and no camera: the centre
uses it.
"""
