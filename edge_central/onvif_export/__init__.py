"""Clips in the ONVIF Export File Format: reads the video track of a clip within bounds, and copies it byte
for byte into a file that also says who exported it, from which camera, and when it begins."""
