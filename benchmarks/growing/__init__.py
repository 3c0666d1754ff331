"""What time, memory and disk do while a store grows."""
