"""The parts of the soak: what is killed, who talks, what was noted, and the oracle that accounts for it."""
