"""How fast the product is, next to the least that the same work can cost on the same machine.

- `books`      the books: made by SQL, so that every invariant holds
- `scenarios`  what is asked, of us and of the baseline
- `bare`       the baseline of reads: bare Starlette and hand-written SQL
- `postings`   the baseline of postings: pgbench doing the same writes in one statement
- `load`       the load generator, a process of its own
- `servers`    starting and stopping both API servers
- `rounds`     A and B in turns; `report`  the table and the JSON
"""
