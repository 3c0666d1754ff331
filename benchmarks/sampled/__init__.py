"""What a sample store is filled with: a month of conversations, a long one, a hostile one, and very many small ones."""
