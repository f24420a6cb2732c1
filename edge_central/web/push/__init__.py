"""Web Push: devices of users, messages that wait for them, encryption, and the thread that sends."""
