"""The publisher's side of a repository: a plain folder that any static web server can serve.

It is a repository of The Update Framework with consistent snapshots: ``metadata/`` and
``targets/AUTHOR/MODEL/VERSION/HASH.FILE``. What is current is what ``timestamp.json`` leads to;
it is written last, by one rename, so that a process that is killed leaves the old state or the new.

References:
    TUF specification 1.0.31; python-tuf 7.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from tuf.api.exceptions import LengthOrHashMismatchError, UnsignedMetadataError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError
from tuf.repository import Repository as Tuf

from badnets.bundles.atomic import new_file, new_folder, remove_stale, write_bytes
from badnets.core.errors import OutputError, SettingError, TakenError
from badnets.core.files import read_file, regular_file
from badnets.hub.keys import Key, Keyring, PublicKey
from badnets.hub.names import ModelName, check_part, parse_target
from badnets.hub.refusals import Refused
from badnets.hub.statements import now

METADATA, TARGETS = "metadata", "targets"
DAYS: Mapping[str, int] = {"root": 365, "targets": 90, "snapshot": 7, "timestamp": 1}
"""For how long each role's metadata holds; an author's as long as that of targets."""

PUBLISHERS = ("targets", "snapshot", "timestamp")
"""What the publisher's key signs."""

Clock = Callable[[], datetime]
_MOST_BYTES = 2**25
_SETTING = "x-badnets-days"  # of a role in root: how long its metadata holds
_NAMED = re.compile(r"([1-9][0-9]{0,8})\.(.+)\.json")


@dataclass(frozen=True)
class ReleaseFile:
    """A file to be published.

    Attributes:
        path: where it is.
        length: in bytes.
        sha256: what it must have.
    """

    path: Path
    length: int
    sha256: str


@dataclass(frozen=True)
class Standing:
    """How long the metadata of a role still holds.

    Attributes:
        role: root, targets, snapshot, timestamp or an author.
        version: of its metadata.
        expires: until when, in UTC.
        renewed: whether it was signed anew just now.
    """

    role: str
    version: int
    expires: datetime
    renewed: bool = False


class Repository(Tuf):
    """A repository that is changed by those who hold its keys.

    Args:
        folder: of the repository.
        keys: what signs.
        clock: tells the time, in UTC.

    Raises:
        SettingError: there is no repository.
    """

    def __init__(self, folder: Path | str, keys: Keyring, clock: Clock = now) -> None:
        self.folder = Path(folder)
        self.keys = keys
        self.clock = clock
        self._edited: dict[str, bytes] = {}
        self._read: dict[str, bytes] = {}
        self._new = False
        if not (self.folder / METADATA / "timestamp.json").exists():
            raise SettingError(
                f"{self.folder} is no repository of models: `badnets hub init {self.folder} "
                "--keys DIR` makes one"
            )

    @classmethod
    def create(
        cls, folder: Path | str, keys: Keyring, *, threshold: int = 1, timestamp_days: int = 1
    ) -> Self:
        """Make an empty repository and return it.

        Args:
            folder: must be new.
            keys: all for ``root`` that are among them share that role, the first for ``publisher``
                signs the rest.
            threshold: how many root keys must sign a change of keys.
            timestamp_days: for how long the repository holds without `refresh`.

        Raises:
            SettingError: keys are missing.
            TakenError: there is such a folder.
            OutputError: it cannot be written.
        """
        if (Path(folder) / METADATA).exists():
            raise TakenError(
                f"{folder} is a repository already, and is never replaced: choose another folder; "
                "`badnets hub delegate` and `publish` add to this one, `rotate` exchanges its keys"
            )
        roots, publishers = keys.of("root"), keys.of("publisher")
        if not roots or not publishers:
            raise SettingError(
                f"{keys}: {'a root key' if publishers else 'a publisher key'} is missing, or its "
                "private half: `badnets hub keygen DIR --root 1 --publisher` makes them"
            )
        if not 1 <= threshold <= len(roots):
            raise SettingError(
                f"threshold {threshold}: there are {len(roots)} root keys, 1 to that many can sign"
            )
        with new_folder(Path(folder)) as made:
            (made / METADATA).mkdir()
            (made / TARGETS).mkdir()
            self = cls.__new__(cls)
            self.folder, self.keys, self.clock, self._new = made, keys, now, True
            self._edited, self._read = {}, {}
            with self.edit_root() as root:
                for key in roots:
                    root.add_key(key.key, Root.type)
                root.roles[Root.type].threshold = threshold
                for role in PUBLISHERS:
                    root.add_key(publishers[0].key, role)
                root.roles[Timestamp.type].unrecognized_fields[_SETTING] = timestamp_days
            with self.edit_targets() as targets:
                targets.delegations = Delegations({}, {})
            with self.edit_snapshot() as snapshot:
                snapshot.meta = self.targets_infos
            self._lead_to_all()
            self._commit()
        return cls(folder, keys)

    # What python-tuf asks for.

    def open(self, role: str) -> Metadata[Any]:
        """Return the metadata of a role, as it is or as it is about to be."""
        data = self._edited.get(role) or self._committed(role)
        if data is not None:
            return _parsed(data, role)
        kinds = {Root.type: Root, Snapshot.type: Snapshot, Timestamp.type: Timestamp}
        made: Any = kinds.get(role, Targets)()
        made.version = 0
        return Metadata(made)

    def close(self, role: str, md: Metadata[Any]) -> None:
        """Sign a role's metadata anew, to be written with all else that has changed.

        Raises:
            SettingError: a key is missing.
        """
        numbers = [md.signed.version]
        if role != Timestamp.type:  # a number that was once taken is left to what a cache may hold
            numbers += self._taken(role)
        md.signed.version = max(numbers) + 1
        md.signed.expires = self.clock() + timedelta(days=self._days(role))
        md.signatures.clear()
        delegators = [md.signed if role == Root.type else self._delegator(role)]
        if not self._new:  # both keys sign while one takes the other's place
            delegators.append(self._delegator(role, edited=False))
        for keyid in {one for each in delegators for one in each.get_delegated_role(role).keyids}:
            if key := self.keys.find(keyid):
                md.sign(key.signer, append=True)
        for delegator in delegators if role == Root.type else delegators[:1]:
            self._check_signed(delegator, role, md)
        self._edited[role] = md.to_bytes()

    @property
    def targets_infos(self) -> dict[str, MetaFile]:
        """Metadata of targets and authors that has changed, as a snapshot lists it."""
        others = set(self._edited) - {Root.type, Snapshot.type, Timestamp.type}
        return {f"{role}.json": _listed(self._edited[role]) for role in others}

    @property
    def snapshot_info(self) -> MetaFile:
        """The snapshot, as the timestamp lists it."""
        data = self._edited.get(Snapshot.type) or self._committed(Snapshot.type)
        return _listed(data or b"")

    # What a publisher does.

    def authors(self) -> dict[str, list[PublicKey]]:
        """Return who may publish here, with their keys."""
        delegations = self.targets().delegations or Delegations({}, {})
        return {
            name: [_public(delegations.keys[one], name) for one in role.keyids]
            for name, role in (delegations.roles or {}).items()
        }

    def keys_of(self, author: str) -> list[PublicKey]:
        """Return an author's keys.

        Raises:
            SettingError: the author may not publish here.
        """
        known = self.authors()
        if author not in known:
            raise SettingError(
                f"{author!r} may not publish here ({', '.join(known) or 'nobody may yet'}): "
                f"`badnets hub delegate {self.folder} {author} {author}.pub` allows it"
            )
        return known[author]

    def versions(self, name: ModelName) -> dict[str, str | None]:
        """Return the versions of a model, oldest first, and why those that are so were yanked."""
        found: dict[ModelName, str | None] = {}
        for path, file in self._targets_of(name.author).targets.items():
            one, _ = parse_target(path)
            if one.bare == name.bare:
                found[one] = (file.custom or {}).get("yanked")
        ordered = sorted(found, key=lambda one: one.number)
        return {str(one.version): found[one] for one in ordered}

    def delegate(self, author: str, key: PublicKey) -> None:
        """Let an author publish under a name.

        Raises:
            SettingError: nobody can be called so, somebody is, or the key is another's.
        """
        check_part(author, "author")
        if key.key.keytype != "ecdsa":
            raise SettingError(f"{key.name!r}: an author's key is one of ECDSA P-256")
        key.check_role("author")
        with self._changing():
            for name, keys in self.authors().items():
                if name == author:
                    raise SettingError(
                        f"{author} publishes here already: `badnets hub rotate` exchanges the key"
                    )
                if key in keys:
                    raise SettingError(f"this is the key of {name}: authors share no key")
            with self.edit_targets() as targets:
                role = DelegatedRole(author, [], 1, True, paths=[f"{author}/*/*/*"])
                delegations = targets.delegations or Delegations({}, {})
                targets.delegations = delegations
                delegations.roles = {**(delegations.roles or {}), author: role}
                targets.add_key(key.key, author)
            self._lead_to_all()

    def publish(self, name: ModelName, files: Mapping[str, ReleaseFile]) -> None:
        """Add a release whose files were checked.

        Args:
            name: with a version.
            files: name -> file.

        Raises:
            SettingError: that version was published already.
            Refused: a file is not the one that was checked.
            OutputError: it cannot be written.
        """
        with self._changing():
            self.keys_of(name.author)
            for version in self.versions(name):
                if name.at(version).number == name.number:
                    raise SettingError(
                        f"{name.at(version)} was published already: a version never changes, "
                        "publish a higher one"
                    )
            folder = self.folder / TARGETS / name.author / name.model
            for beside in folder.glob("*/"):
                remove_stale(beside)
            own = folder / str(name.version)
            if own.exists():  # of a publisher who was killed: nothing leads to it
                shutil.rmtree(own)
            for file, source in files.items():
                _copy(source, own / f"{source.sha256}.{file}")
            with self.edit_targets(name.author) as targets:
                for file, source in files.items():
                    path = name.target(file)
                    hashes = {"sha256": source.sha256}
                    targets.targets[path] = TargetFile(source.length, hashes, path)
            self._lead_to_all()

    def yank(self, name: ModelName, reason: str) -> None:
        """Mark a version as not to be used; its files stay, for those who ask for it.

        Raises:
            SettingError: there is no such version.
        """
        with self._changing():
            known = self.versions(name)
            if name.version not in known:
                raise SettingError(
                    f"{name}: there is no such version; published: {', '.join(known) or 'none'}"
                )
            with self.edit_targets(name.author) as targets:
                for path, file in targets.targets.items():
                    if parse_target(path)[0] == name:
                        file.unrecognized_fields["custom"] = {"yanked": reason}
            self._lead_to_all()

    def refresh(self) -> list[Standing]:
        """Sign the timestamp anew, and what else has less than half its time left.

        What cannot be renewed for want of its key is left as it is, and its time is told.
        """
        before = {one.role: one.version for one in self.standing()}
        with self._changing():
            for one in self.standing():
                lapses = one.expires - self.clock() < timedelta(days=self._days(one.role)) / 2
                if lapses and one.role != Timestamp.type and self._can_sign(one.role):
                    with self.edit(one.role):
                        pass
            self._lead_to_all()
        return [
            Standing(one.role, one.version, one.expires, before.get(one.role) != one.version)
            for one in self.standing()
        ]

    def lapses_soon(self, one: Standing) -> bool:
        """Return whether metadata holds for no more than another week."""
        return one.role not in PUBLISHERS and one.expires - self.clock() < timedelta(days=7)

    def standing(self) -> list[Standing]:
        """Return how long the metadata of each role still holds."""
        metas = self.snapshot().meta
        authors = sorted(name for name in self.authors() if f"{name}.json" in metas)
        roles = (Root.type, *PUBLISHERS, *authors)
        found = [(role, self.open(role).signed) for role in roles]
        return [Standing(role, one.version, one.expires) for role, one in found]

    def rotate(self, role: str, new: Key, old: PublicKey | None = None) -> None:
        """Exchange a key; every moment of it leaves a repository that holds.

        Args:
            role: root, publisher, or an author.
            new: takes the place.
            old: whose place, where several share it.

        Raises:
            SettingError: there is no such role, or a key is missing.
        """
        self.keys.add(new)
        with self._changing():
            if role in ("root", "publisher"):
                roles = PUBLISHERS if role == "publisher" else (Root.type,)
                with self.edit_root() as root:
                    for one in roles:
                        leaving = _leaving(root.roles[one].keyids, new, old, role)
                        root.revoke_key(leaving, one)
                        root.add_key(new.public.key, one)
                if role == "publisher":
                    with self.edit_targets():
                        pass
                    self._lead_to_all()
                return
            if any(new.public in keys for keys in self.authors().values()):
                raise SettingError(f"the key {new.public.keyid[:16]} is an author's here already")
            (leaving,) = (one.keyid for one in self.keys_of(role))
            with self.edit_targets() as targets:
                targets.revoke_key(leaving, role)
                targets.add_key(new.public.key, role)
            if f"{role}.json" in self.snapshot().meta:
                with self.edit(role):
                    pass
            self._lead_to_all()

    # How.

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let nobody else change it meanwhile, and write all that has changed at the end."""
        with _locked(self.folder / METADATA):
            remove_stale(self.folder / METADATA)
            self._edited, self._read = {}, {}
            try:
                yield
                self._commit()
            finally:
                self._edited, self._read = {}, {}

    def _lead_to_all(self) -> None:
        """Make the snapshot and the timestamp list all that has changed."""
        self.do_snapshot()
        with self.edit_timestamp() as timestamp:
            timestamp.snapshot_meta = self.snapshot_info

    def _commit(self) -> None:
        """Write what has changed: first what nothing leads to yet, at last what leads to it."""
        order = [role for role in self._edited if role not in (Root.type, Timestamp.type)]
        order += [role for role in (Timestamp.type, Root.type) if role in self._edited]
        if Timestamp.type in order and not self._new:
            old = self._delegator(Timestamp.type, edited=False)
            if not _is_signed(old, Timestamp.type, _parsed(self._edited[Timestamp.type], "")):
                order.sort(key=(Root.type).__ne__)  # without the old key the root leads the way
        for role in order:
            number = _parsed(self._edited[role], role).signed.version
            name = f"{role}.json" if role == Timestamp.type else f"{number}.{role}.json"
            write_bytes(self.folder / METADATA / name, self._edited[role])

    def _committed(self, role: str) -> bytes | None:
        """Return the current metadata of a role, whose signature holds; None: there is none."""
        if self._new:
            return None
        if role in self._read:
            return self._read[role]
        listed: MetaFile | None = None
        if role == Root.type:
            name = f"{max(self._taken(Root.type), default=1)}.root.json"
        elif role == Timestamp.type:
            name = "timestamp.json"
        elif role == Snapshot.type:
            timestamp = _parsed(self._committed(Timestamp.type) or b"", Timestamp.type)
            listed = timestamp.signed.snapshot_meta
            name = f"{listed.version}.snapshot.json"
        else:
            snapshot = _parsed(self._committed(Snapshot.type) or b"", Snapshot.type)
            listed = snapshot.signed.meta.get(f"{role}.json")
            if listed is None:
                return None
            name = f"{listed.version}.{role}.json"
        data = read_file(self.folder / METADATA / name, _MOST_BYTES, error=_Damaged)
        md = _parsed(data, name)
        try:
            if listed is not None:
                listed.verify_length_and_hashes(data)
        except LengthOrHashMismatchError:
            raise Refused("digest", f"{name} is not the file that the repository lists") from None
        delegator = md.signed if role == Root.type else self._delegator(role, edited=False)
        if not _is_signed(delegator, role, md):
            raise Refused("signature", f"{name} was not signed by the keys of {role}")
        self._read[role] = data
        return data

    def _delegator(self, role: str, *, edited: bool = True) -> Root | Targets:
        """Return what says who signs a role: as it is, or as it is about to be."""
        parent = Root.type if role in DAYS else Targets.type
        data = (self._edited.get(parent) if edited else None) or self._committed(parent)
        signed: Root | Targets = _parsed(data or b"", parent).signed
        return signed

    def _check_signed(self, delegator: Root | Targets, role: str, md: Metadata[Any]) -> None:
        if not _is_signed(delegator, role, md):
            wanted = delegator.get_delegated_role(role)
            ids = ", ".join(one[:16] for one in wanted.keyids)
            raise SettingError(
                f"{role} must be signed by {wanted.threshold} of the keys {ids}, and "
                f"{len(md.signatures)} of them can be found in {self.keys}: --keys DIR says where"
            )

    def _can_sign(self, role: str) -> bool:
        wanted = self._delegator(role).get_delegated_role(role)
        return sum(self.keys.find(one) is not None for one in wanted.keyids) >= wanted.threshold

    def _days(self, role: str) -> float:
        days = DAYS.get(role, DAYS[Targets.type])
        if role != Timestamp.type:
            return days
        fields = self.root().roles[role].unrecognized_fields
        return float(fields.get(_SETTING, days))

    def _taken(self, role: str) -> list[int]:
        """Return the numbers of a role's metadata that lie there, current or not."""
        matches = (_NAMED.fullmatch(path.name) for path in (self.folder / METADATA).iterdir())
        return [int(match[1]) for match in matches if match and match[2] == role]

    def _targets_of(self, author: str) -> Targets:
        self.keys_of(author)
        return self.targets(author)


class _Damaged(Refused):
    """A file of the repository is missing, or cannot be read."""

    def __init__(self, line: str) -> None:
        super().__init__("missing file", line)


def _public(key: object, author: str) -> PublicKey:
    from securesystemslib.signer import SSlibKey

    if not isinstance(key, SSlibKey):
        raise Refused("malformed", f"the key of {author} is of no kind that is used here")
    return PublicKey.of(key, author, "author")


def _parsed(data: bytes, what: str) -> Metadata[Any]:
    try:
        return Metadata.from_bytes(data)
    except DeserializationError:
        raise Refused("malformed", f"{what} is no metadata of a repository") from None


def _listed(data: bytes) -> MetaFile:
    return MetaFile.from_data(_parsed(data, "metadata").signed.version, data, ["sha256"])


def _is_signed(delegator: Root | Targets, role: str, md: Metadata[Any]) -> bool:
    try:
        delegator.verify_delegate(role, md.signed_bytes, md.signatures)
    except (UnsignedMetadataError, ValueError):
        return False
    return True


def _leaving(keyids: list[str], new: Key, old: PublicKey | None, role: str) -> str:
    if new.public.keyid in keyids:
        raise SettingError(f"the key {new.public.keyid[:16]} is one of {role} already")
    if old is not None and old.keyid in keyids:
        return old.keyid
    if old is not None or len(keyids) > 1:
        ids = ", ".join(one[:16] for one in keyids)
        raise SettingError(f"{role} has the keys {ids}: say with --old which one goes")
    return keyids[0]


def _copy(source: ReleaseFile, path: Path) -> None:
    """Copy a file that must be the one that was checked."""
    state, length = hashlib.sha256(), 0
    try:
        with regular_file(source.path, follow=False) as file, new_file(path) as copy:
            while chunk := file.read(2**20):
                state.update(chunk)
                length += len(chunk)
                copy.write(chunk)
            if (length, state.hexdigest()) != (source.length, source.sha256):
                raise Refused("digest", f"{source.path} was changed while it was published")
    except OSError as error:
        raise OutputError(f"cannot copy {source.path}: {error.strerror or error}") from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let nobody else in until the block has ended; a lock ends with its process, however."""
    if os.name != "posix":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
