"""Reading: a selection set and a grant become one SQL statement that returns finished JSON.

- `catalogue`   what is planned, read once from the schema
- `selection`   which fields are selected, under which response keys
- `values`      where each bound value comes from, and its shape in the cache key
- `rows`        tables and pages under aliases
- `leaves`      scalars as JSON, whole or masked
- `filters`, `orders`, `cursors`, `pages`  lists
- `compiler`    puts a statement together
- `plans`       the bounded cache, and running a plan
"""
