"""What happened to whom, when, and by whom: lines for people who have to answer for it."""
