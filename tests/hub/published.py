"""Repositories with small keys, and the client of python-tuf to look at them with."""

from __future__ import annotations

from pathlib import Path

from tuf.ngclient import FetcherInterface, Updater

from badnets.bundles.digests import sha256_bytes
from badnets.hub.keys import Key, Keyring
from badnets.hub.names import ModelName
from badnets.hub.repository import ReleaseFile, Repository


def keys_in(folder: Path, *authors: str, auditors: tuple[str, ...] = (), roots: int = 1) -> Keyring:
    """Keys for a repository and its people, not encrypted."""
    for number in range(1, roots + 1):
        Key.new("root", f"root-{number}" if roots > 1 else "root").write(folder, None)
    Key.new("publisher", "publisher").write(folder, None)
    for name in authors:
        Key.new("author", name).write(folder, None)
    for name in auditors:
        Key.new("auditor", name).write(folder, None)
    return Keyring([folder])


def files_in(folder: Path, content: bytes = b"weights") -> dict[str, ReleaseFile]:
    """Files to publish: one is enough for what TUF sees."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.safetensors"
    path.write_bytes(content)
    return {path.name: ReleaseFile(path, len(content), sha256_bytes(content))}


class Disk(FetcherInterface):
    """Reads a repository where it lies."""

    def _fetch(self, url: str):  # type: ignore[no-untyped-def]
        from tuf.api.exceptions import DownloadHTTPError

        try:
            yield Path(url).read_bytes()
        except OSError:
            raise DownloadHTTPError(url, 404) from None


class Client:
    """A client of python-tuf that has trusted a repository's first root."""

    def __init__(self, repository: Path, home: Path) -> None:
        self.repository, self.home = repository, home
        home.mkdir()
        self.root = (repository / "metadata" / "1.root.json").read_bytes()

    def pull(self, name: str = "alice/net@1.0", file: str = "model.safetensors") -> bytes | None:
        """Refresh, and return a file as it was verified; None where no such is published."""
        client = Updater(
            str(self.home),
            f"{self.repository}/metadata/",
            str(self.home),
            f"{self.repository}/targets/",
            fetcher=Disk(),
            bootstrap=self.root,
        )
        client.refresh()
        info = client.get_targetinfo(ModelName.of(name).target(file))
        return None if info is None else Path(client.download_target(info)).read_bytes()


def repository_of(folder: Path, *authors: str) -> tuple[Repository, Client]:
    """A repository in which these authors may publish, and a client of it."""
    keys = keys_in(folder / "keys", *authors)
    repository = Repository.create(folder / "repo", keys)
    for name in authors:
        repository.delegate(name, next(one for one in keys.public if one.name == name))
    return repository, Client(folder / "repo", folder / "client")
