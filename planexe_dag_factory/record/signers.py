"""Who may sign in a run: the key that it was begun with, until that hands over to the next, and so on.

key-rotated    by the old key {"from": old, "to": new}: follows all that the old one may have signed
key-rotated    by the new key, with the same: follows what the old one signed while it handed over
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from planexe_dag_factory.record.chain import Chain, Signed
from planexe_dag_factory.record.events import ROTATED


@dataclass(frozen=True, slots=True)
class Signers:
    """The keys that may sign; of one that handed over, `until` has the digests of all that it may have signed."""

    keys: frozenset[str]
    until: Mapping[str, Collection[str]]

    def may_sign(self, event: Signed) -> bool:
        """Say whether an event is signed with a key that might, when it was written."""
        key = event.document["key"]
        return key in self.keys and (key not in self.until or event.file.digest in self.until[key])


def find_signers(chain: Chain, began: Iterable[str], trusted: Collection[str]) -> Signers:
    """Follow the keys from those that a run may have begun with. `trusted` are those that were given."""
    keys, until = set(began), dict[str, Collection[str]]()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        handed = [one for one in _rotations(chain, key) if one.document["key"] == key]
        if handed:
            to = _next(handed, trusted)
            until[key] = _signed_before(chain, key, to, [one for one in handed if _to(one) == to])
            waiting += {to} - keys
            keys.add(to)
    return Signers(frozenset(keys), until)


def _signed_before(chain: Chain, key: str, to: str, handed: list[Signed]) -> set[str]:
    """Return what every hand-over follows, where two were written at once, and what the next key confirms.

    Where an event among these is gone, nobody knows what it followed: what stands before then counts.
    """
    followed = set.intersection(*(chain.up_to([one.file.digest]) for one in handed))
    confirming = (one.file.digest for one in _rotations(chain, key) if one.document["key"] == to)
    known = followed | {one.file.digest for one in handed} | chain.up_to(confirming)
    if all(mark in chain.by_digest for one in known for mark in chain.by_digest[one].document["follows"]):
        return known
    stamp = min(one.file.stamp for one in handed)
    return known | {one.file.digest for one in chain.events if one.file.stamp < stamp}


def _rotations(chain: Chain, key: str) -> Iterable[Signed]:
    return (one for one in chain.events if one.action == ROTATED and one.document["details"].get("from") == key)


def _next(handed: list[Signed], trusted: Collection[str]) -> str:
    """Return to whom a key handed over: it does so once; of two that it names, one that was given goes before."""
    return min((_to(one) not in trusted, one.file.stamp, _to(one)) for one in handed)[2]


def _to(event: Signed) -> str:
    return str(event.document["details"].get("to"))
