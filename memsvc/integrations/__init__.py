"""What plugs memsvc into programs that talk to a model; each module alone, over any HTTP client."""
