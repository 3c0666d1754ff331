"""What an operator should know before and after going live: checks that look, and change nothing."""
