"""What `fidelity.py` is made of: measures of what a context still holds, compactors to compare with, and a driver
that has the running service make its contexts."""
