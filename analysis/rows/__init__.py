"""One file per row of the table: what was measured for one column -> a Finding, which verdicts.py turns into a word."""
