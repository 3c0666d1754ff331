"""Recorded conversations held once more through the gateway: whoever answers has the recorded answers."""
