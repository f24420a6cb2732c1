"""Video clips of events: from the packets of the ring to an MP4 file, without transcoding. Nothing is decoded
here.
"""
