"""Publishes each student's result as a check run on the commit that was graded.

python publish_checks.py students.csv results/github/checks

CHECKS_TOKEN is the token of a GitHub App that may write checks in the students' repositories; GITHUB_API_URL is set in
every job. Ends with 1 where a check could not be published; the others are there all the same.
"""

import csv
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path


def publish(body: dict[str, object], repository: str) -> None:
    """Creates one check run."""
    request = urllib.request.Request(
        f"{os.environ['GITHUB_API_URL']}/repos/{repository}/check-runs",
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {os.environ['CHECKS_TOKEN']}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def main(listing: Path, checks: Path) -> int:
    """Publishes every check whose student is on the list."""
    with listing.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    failed = 0
    for path in sorted(checks.rglob("*.json")):
        body = json.loads(path.read_bytes())
        row = rows.get(body["external_id"])
        if row is None or "head_sha" not in body:
            what = f"is not in {listing.name}" if row is None else "has no commit that was graded"
            print(f"{body['external_id']} {what}", file=sys.stderr)
            failed += 1
            continue
        repository = "/".join(row["address"].removesuffix(".git").split("/")[-2:])
        try:
            publish(body, repository)
        except urllib.error.URLError as error:
            print(f"no check for {body['external_id']} in {repository}: {error}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
