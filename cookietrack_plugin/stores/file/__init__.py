"""Cookies in a text file that is only appended to, and in memory for as long as it is open."""
