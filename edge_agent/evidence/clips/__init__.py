"""Video clips of events: MP4 files of a camera's packets, without decoding or transcoding."""
