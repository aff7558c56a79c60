"""The judgement. Reads a run folder, never a model, and needs no torch.

1. load:     plan.json + trials.jsonl -> trials (one row per planned trial) and values (one row per measured number)
2. rows:     one file per row of the table, trials and values -> Finding (figure, interval, what could change them)
3. stats:    arrays -> (point, low, high); knows nothing of files or of architectures
4. verdicts: Finding + Rule (claims.py) -> word and agrees / disagrees / undecided / not run, with the reason in words
5. report:   verdicts.json, table.md and measurements.csv beside the records; table prints the same in the terminal
"""
