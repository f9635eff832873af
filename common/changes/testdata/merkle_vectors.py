#!/usr/bin/python3
"""Prints merkle.txt: roots and proofs of RFC 6962 worked out from its definitions, with nothing of ours.

Leaf i is the bytes of the text "leaf i". A line is
  root N HASH                    of the tree of the first N leaves
  inclusion INDEX N LENGTH HASH  how many hashes the proof has, and SHA-256 of them, one after another
  consistency FIRST N LENGTH HASH
with the first 16 digits of each hash.
"""
import hashlib

MOST = 28


def sha(data):
    return hashlib.sha256(data).digest()


def largest_power_below(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def mth(d):
    if not d:
        return sha(b"")
    if len(d) == 1:
        return sha(b"\x00" + d[0])
    k = largest_power_below(len(d))
    return sha(b"\x01" + mth(d[:k]) + mth(d[k:]))


def path(m, d):
    if len(d) == 1:
        return []
    k = largest_power_below(len(d))
    return path(m, d[:k]) + [mth(d[k:])] if m < k else path(m - k, d[k:]) + [mth(d[:k])]


def subproof(m, d, whole):
    if m == len(d):
        return [] if whole else [mth(d)]
    k = largest_power_below(len(d))
    if m <= k:
        return subproof(m, d[:k], whole) + [mth(d[k:])]
    return subproof(m - k, d[k:], False) + [mth(d[:k])]


leaves = [f"leaf {i}".encode() for i in range(MOST)]
for n in range(MOST + 1):
    tree = leaves[:n]
    print("root", n, mth(tree).hex()[:16])
    for m in range(n):
        proof = path(m, tree)
        print("inclusion", m, n, len(proof), sha(b"".join(proof)).hex()[:16])
    for m in range(1, n + 1):
        proof = subproof(m, tree, True)
        print("consistency", m, n, len(proof), sha(b"".join(proof)).hex()[:16])
