"""The protocols of cameras: RTSP, RTP, SDP, and JPEG pictures over HTTP. Bytes in, packets out; nothing is
decoded.
"""
