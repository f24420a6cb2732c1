"""Makes altered copies of pictures and clips, in which faces and number plates are covered. It finds and
covers them, in a separate process that decodes the files, and has the threads that start this process.
``cases`` decides who may see a copy."""
