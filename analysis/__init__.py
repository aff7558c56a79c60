"""The judgement. Reads a run folder, never a model, and needs no torch.

1. load:     plan.json + trials.jsonl -> trials (one row per planned trial) and values (one row per measured number)
2. regimes:  which models are comparable (regime and budget), and which words flip between them
3. rows:     one file per row of the table, trials and values -> Finding (figure, interval, what could change them)
4. stats:    arrays -> (point, low, high); knows nothing of files or of architectures
5. verdicts: Finding + Rule (claims.py) -> word and agrees / disagrees / undecided / not run, with the reason in words
6. beside:   what is measured as well and decides nothing (beside_learned, beside_traced, measure)
7. report:   verdicts.json, table.md (page) and measurements.csv beside the records; table prints the short form in the
             terminal, and wording holds what both say
"""
