"""Puts a proof's numbers into docs/gpu.md, between its markers, and into benchmarks/RESULTS.md, as a section of its own.

usage: scripts/gpu-proof --write-docs proof.json
"""

import json
import re
import sys
from pathlib import Path

import table

PROJECT = Path(__file__).resolve().parent.parent.parent
BEGIN, END = "<!-- proof:begin -->", "<!-- proof:end -->"
TITLE = "A step on a GPU"


def write_between_markers(path, text):
    content = path.read_text()
    if BEGIN not in content or END not in content:
        content = f"{content.rstrip()}\n\n## What was measured\n\n{BEGIN}\n{END}\n"
    before, rest = content.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def write_section(path, title, text):
    """Replaces the section, or adds it at the end; the others stay as they are."""
    content = path.read_text()
    section = f"## {title}\n\n{text}\n"
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", content, re.MULTILINE | re.DOTALL)
    if found:
        rest = content[found.end() :]
        content = content[: found.start()] + section + ("\n" if rest else "") + rest
    else:
        content = content.rstrip("\n") + "\n\n" + section
    path.write_text(content)


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    proof = json.loads(Path(sys.argv[1]).read_text())
    if proof["is_rehearsal"]:
        raise SystemExit("this is a rehearsal on a CPU: it is no result")
    parts = [table.provenance, table.right, table.ceilings, table.baseline, table.memory_and_start]
    write_between_markers(PROJECT / "docs/gpu.md", "\n\n".join(table.told(part, proof) for part in parts))
    text = "\n\n".join(table.told(part, proof) for part in (table.provenance, table.fast))
    write_section(PROJECT / "benchmarks/RESULTS.md", TITLE, f"    scripts/gpu-proof\n\n{text}")


if __name__ == "__main__":
    main()
