"""Clips as files of the ONVIF Export File Format: the video track of a clip is read within bounds, and copied
byte for byte into a file that also says who exported it, from which camera, and when it begins."""
