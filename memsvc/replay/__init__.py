"""What the service would have done with conversations that have been: its own code, a store in memory, a clock that
is set by the messages' times."""
