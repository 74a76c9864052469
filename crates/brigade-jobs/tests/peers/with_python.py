"""Reads the parts of a job with nothing but Python's own library: the bodies by their hashes."""

import base64
import gzip
import hashlib
import json
import sys

hashes = {}
for part in sys.argv[1:]:
    opened = gzip.open if part.endswith(".gz") else open
    with opened(part, "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            result = json.loads(line)
            if "body_base64" in result:
                body = base64.b64decode(result["body_base64"], validate=True)
            else:
                body = result["body"].encode()
            name = result["url"][result["url"].rindex("/") :]
            assert name not in hashes, name
            hashes[name] = hashlib.sha256(body).hexdigest()
for name in sorted(hashes):
    print(name, hashes[name])
