"""Writes a list as a table with Python's own writers, and joins it with records in DuckDB."""

import csv
import gzip
import json
import sys

_, action, name, *rest = sys.argv

NAMES = ["plain", "a, b", 'she said "no"', "two\nlines", "Größe 你好", " spaces ", "", "'", "\\", "1e5"]


def write(base, rows):
    table = [
        {"id": str(n), "link": f"{base}?id={n}", "name": NAMES[n % len(NAMES)], "odd \"name\"": str(n * n)}
        for n in range(int(rows))
    ]
    opened = gzip.open if name.endswith(".gz") else open
    with opened(name, "wt", encoding="utf-8", newline="") as file:
        if name.endswith(".jsonl"):
            file.writelines(json.dumps(row) + "\n" for row in table)
            return
        writer = csv.DictWriter(file, table[0].keys())
        writer.writeheader()
        writer.writerows(table)


def join(records):
    import duckdb

    if name.endswith(".jsonl"):
        rows = f"read_ndjson('{name}', columns = {{id: 'VARCHAR', link: 'VARCHAR', name: 'VARCHAR', 'odd \"name\"': 'VARCHAR'}})"
    else:
        rows = f"read_csv('{name}', all_varchar = true, header = true, nullstr = 'no such text')"
    same = f'''
        SELECT count(*) FROM {rows} AS row JOIN read_json_auto('{records}') AS record ON row.link = record.url
        WHERE row.id = record.columns.id::VARCHAR AND row.name = record.columns.name
          AND row."odd ""name""" = record.columns."odd ""name"""::VARCHAR'''
    print(*duckdb.sql(same).fetchall()[0])


write(*rest) if action == "write" else join(*rest)
