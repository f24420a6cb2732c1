"""The protocols of cameras: RTSP, RTP, SDP, and JPEG pictures over HTTP. Turns bytes into packets; decodes
nothing.
"""
