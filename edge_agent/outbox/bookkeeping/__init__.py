"""What the outbox knows of its rows: order, epochs, backlog, deletions that are due. Memory only: no file is
touched.
"""
