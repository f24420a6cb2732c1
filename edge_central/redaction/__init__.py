"""Altered copies of pictures and clips, in which faces and number plates are covered: how they are found and
covered, the process that decodes the files, and the thread that starts it. ``cases`` says who may see one."""
