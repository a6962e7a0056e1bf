"""Reads a repository's metadata as clients do, by libsolv, and compares it with what it should name.

Runs confined, since metadata is made of strangers' bytes. Arguments: the repodata folder; a file with a line a
package: href, SHA-256, size, name, EVR as libsolv writes it, arch, tabs between. Prints one JSON object. Ends
with 3 where libsolv's Python module is missing.
"""
import hashlib
import json
import sys

try:
    import solv
except ImportError:
    sys.exit(3)

SHOWN = 1000
repodata, expected_file = sys.argv[1:3]

# Debian's libsolv compares as dpkg does unless it is told otherwise.
pool = solv.Pool()
pool.setdisttype(solv.Pool.DISTTYPE_RPM)
repo = pool.add_repo("check")
repo.add_repomdxml(solv.xfopen(repodata + "/repomd.xml"), 0)


def part(kind):
    """File name and digest of a part that repomd.xml names; nothing where it does not."""
    found = repo.Dataiterator_meta(
        solv.REPOSITORY_REPOMD_TYPE, kind, solv.Dataiterator.SEARCH_STRING)
    found.prepend_keyname(solv.REPOSITORY_REPOMD)
    for each in found:
        parent = each.parentpos()
        checksum = parent.lookup_checksum(solv.REPOSITORY_REPOMD_CHECKSUM)
        location = parent.lookup_str(solv.REPOSITORY_REPOMD_LOCATION)
        return location.rsplit("/", 1)[-1], checksum.hex()
    return None


def digest(path):
    hashed = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            hashed.update(block)
    return hashed.hexdigest()


kinds = {}
for kind in ("primary", "filelists", "other", "updateinfo"):
    named = part(kind)
    if named is None:
        continue
    name, checksum = named
    kinds[kind] = name
    if digest(repodata + "/" + name) != checksum:
        print(json.dumps({"error": "%s is not what repomd.xml says" % name}))
        sys.exit(0)
if "primary" not in kinds:
    print(json.dumps({"error": "repomd.xml names no primary.xml"}))
    sys.exit(0)
repo.add_rpmmd(solv.xfopen(repodata + "/" + kinds["primary"]), None)

with open(expected_file, encoding="utf-8") as file:
    expected = dict(line.rstrip("\n").split("\t", 1) for line in file)

seen = 0
extra, different = [], []
for package in repo.solvables:
    seen += 1
    href = package.lookup_location()[0]
    should = expected.pop(href, None)
    if should is None:
        extra.append(href)
        continue
    checksum = package.lookup_checksum(solv.SOLVABLE_CHECKSUM).hex()
    size = package.lookup_num(solv.SOLVABLE_DOWNLOADSIZE)
    if f"{checksum}\t{size}\t{package.name}\t{package.evr}\t{package.arch}" != should:
        different.append(href)

advisories = None
if "updateinfo" in kinds:
    before = len(repo.solvables)
    repo.add_updateinfoxml(solv.xfopen(repodata + "/" + kinds["updateinfo"]), 0)
    advisories = len(repo.solvables) - before

print(json.dumps({
    "packages": seen,
    "advisories": advisories,
    "missing": list(expected)[:SHOWN],
    "extra": extra[:SHOWN],
    "different": different[:SHOWN],
}))
