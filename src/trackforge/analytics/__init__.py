"""What people want to know of tracks: counts at lines and in zones, how long, where, how fast, how far."""
