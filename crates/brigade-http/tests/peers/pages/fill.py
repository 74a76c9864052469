"""Writes rows into a database of SQLite for datasette."""

import json
import sqlite3

with open("rows.json", encoding="utf-8") as rows, sqlite3.connect("rows.db") as database:
    database.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, name TEXT)")
    database.executemany("INSERT INTO rows VALUES (:id, :name)", json.load(rows))
