"""Reads the parts of a job as DuckDB does: the bodies by their hashes, and the results by their status."""

import sys

import duckdb

_, question, reader, parts = sys.argv
# A body may be larger than what DuckDB takes for a line by default.
results = f"{reader}('{parts}', maximum_object_size = 100_000_000)"
questions = {
    "bodies": f"""
        SELECT regexp_extract(url, '/[^/]*$') AS name,
               sha256(coalesce(encode(body), from_base64(body_base64))) AS hash
        FROM {results} ORDER BY name""",
    "statuses": f"SELECT status, count(*) FROM {results} GROUP BY status ORDER BY status",
    "values": f"""
        SELECT body_json.maker.city, sum(body_json.litres), count(*), min(body_json.tags[2])
        FROM {results} WHERE body_json.id >= 100 GROUP BY ALL""",
}
for row in duckdb.sql(questions[question]).fetchall():
    print(*row)
