"""Measurements of a running memsvc, from outside, over HTTP. See README.md beside this file."""
