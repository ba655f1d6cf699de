"""What one file is, by its content first and its name second, and what is to be said of it."""

from __future__ import annotations

import json
import lzma
import re
import struct
import zipfile
import zlib
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple

from badnets.bundles.tensors import TensorsHeader, tensors_header
from badnets.core.errors import BundleError
from badnets.hub.linting.archives import (
    STREAMS,
    UNPACKING,
    Member,
    leads_out,
    tar_members,
    unpacked,
    zip_members,
)
from badnets.hub.linting.configs import MOST_BYTES, keras_found, settings_found, template_found
from badnets.hub.linting.findings import Found
from badnets.hub.linting.gguf import GgufHeader
from badnets.hub.linting.graphs import OnnxModel, SizeOf
from badnets.hub.linting.parts import Limits, Part, TooMuchError, part, size_of
from badnets.hub.linting.pickles import read_pickles


def _ends(words: str) -> frozenset[str]:
    return frozenset(f".{word}" for word in words.split())


PICKLED = _ends("bin ckpt dill joblib mar nemo p pickle pk pkl pt pth ptl t7 th")
WEIGHTS = PICKLED | _ends(
    "caffemodel gguf ggml h5 hdf5 keras msgpack npz onnx params pb pdiparams pt2 safetensors tflite"
)
"""Ends of names of files that hold weights."""

_SCRIPTS = _ends(
    "app bash bat cmd com command desktop dll dylib exe fish hta jar js lnk msi pif ps1 psm1 pyd "
    "reg scr sh so vbe vbs wsf zsh"
)
_TEXTS = _ends(
    "bib cff cfg conf csv gitattributes gitignore html ini jinja jinja2 json jsonl lock log md md5 "
    "merges prototxt rst sha1 sha256 sha512 svg toml tsv txt vocab xml yaml yml"
)
_DATA = _ends(
    "arrow bmp bpe caffemodel ds_store flac gif ico idx index jpeg jpg metadata model mp3 mp4 "
    "msgpack npy ogg params parquet pdf pdiparams pdmodel png sig spm tflite tif tiff tiktoken ttf "
    "wav webm webp woff woff2"
)
"""Formats that hold no code which a library would run."""

_PROGRAMS = {
    b"\x7fELF": "ELF",
    b"\xfe\xed\xfa\xce": "Mach-O",
    b"\xfe\xed\xfa\xcf": "Mach-O",
    b"\xce\xfa\xed\xfe": "Mach-O",
    b"\xcf\xfa\xed\xfe": "Mach-O",
    b"\xca\xfe\xba\xbe": "Mach-O or Java",
    b"L\x00\x00\x00\x01\x14\x02\x00": "a Windows shortcut",
    b"#!": "a script that names its interpreter",
}
UNKNOWN = Found("not-scanned", "of no kind that is known here")
"""What is said of bytes that nothing here reads."""
_POINTER = b"version https://git-lfs.github.com/spec/"
_DEEPEST = 4
_DATA_NAMES = re.compile(r"\.data-\d+-of-\d+$|^events\.out\.tfevents")
_SCRIPTED = re.compile(r"(?:.*/)?(?:code/.*\.py(?:\.debug_pkl)?|bytecode\.pkl)")
_STORAGE = re.compile(
    r"(?:.*/)?(?:(?:data|tensors|constants)/\d+|data/(?:weights|constants)/(?:weight|tensor)_\d+|"
    r"\.data/.*|byteorder|version|\.format_version|\.storage_alignment)"
)
_CLASS = re.compile(rb'class_name\\?"\s*:\s*\\?"((?:[^"\\]|\\+u[0-9a-fA-F]{4}){1,100})')
_NAME = re.compile(r"[A-Za-z0-9_][\w.:/\[\]<>| @+*,=()#-]{0,299}", re.ASCII)
_UNSOUND = (
    BundleError, ValueError, struct.error, EOFError, OSError, RecursionError, zlib.error,
    lzma.LZMAError, MemoryError,
)  # fmt: skip


class File(NamedTuple):
    """One file, or one member of an archive.

    Attributes:
        name: as it is called; decides where its content does not.
        content: seekable.
        limits: what may be spent on it.
        beside: tells of other files in its folder.
        depth: of how many archives it is a member.
        cut: whether only its start is there.
    """

    name: str
    content: BinaryIO
    limits: Limits
    beside: SizeOf
    depth: int = 0
    cut: bool = False

    @property
    def suffix(self) -> str:
        """The end of its name, in lower case."""
        return PurePosixPath(self.name.lower()).suffix or PurePosixPath(self.name.lower()).name

    def head(self, count: int = 512) -> bytes:
        """Its first bytes."""
        self.content.seek(0)
        return self.content.read(count)


def look(file: File) -> Iterator[Found]:
    """Yield what is to be said of a file; whatever it holds, this ends and raises nothing of it."""
    try:
        yield from _look(file)
    except TooMuchError as error:
        yield Found("not-scanned", str(error))
    except _UNSOUND as error:
        yield Found("malformed", str(error) or type(error).__name__)


def _look(file: File) -> Iterator[Found]:
    head = file.head()
    if not head:
        return
    if file.depth > _DEEPEST:
        yield Found("not-scanned", f"archives nested more than {_DEEPEST} deep")
        return
    if head.startswith(_POINTER):
        yield Found("not-scanned", "a pointer of Git LFS: the file itself was not downloaded")
        return
    if (program := _program(file, head)) is not None:
        yield Found("executable", program)
        if file.suffix not in WEIGHTS:
            return
    if file.suffix == ".py" or file.suffix in (".pyc", ".pyx"):
        yield Found("python-code", PurePosixPath(file.name).name)
    elif file.suffix == ".ipynb":
        yield from _notebook(file)
    elif file.suffix == ".pt2":
        yield Found("exported-program", PurePosixPath(file.name).name)
        yield from _archive(file)
    else:
        yield from _reader(file, head)(file)


def _program(file: File, head: bytes) -> str | None:
    if file.suffix in _SCRIPTS:
        return f"named {file.suffix}"
    for magic, what in _PROGRAMS.items():
        if head.startswith(magic):
            return what
    if head.startswith(b"MZ") and len(head) >= 64:
        (at,) = struct.unpack("<I", head[60:64])
        file.content.seek(at)
        if file.content.read(4) == b"PE\0\0":
            return "a program of Windows"
    return None


def _reader(file: File, head: bytes) -> Callable[[File], Iterator[Found]]:
    """Return what reads a file of this kind."""
    by_content: dict[bytes, Callable[[File], Iterator[Found]]] = {
        b"PK\x03\x04": _archive,
        b"PK\x05\x06": _archive,
        b"\x93NUMPY": _array,
        b"\x89HDF\r\n\x1a\n": _keras_weights,
        b"GGUF": _gguf,
        b"7z\xbc\xaf\x27\x1c": _unreadable,
        b"Rar!": _unreadable,
        b"\x28\xb5\x2f\xfd": _unreadable,
        b"\x04\x22\x4d\x18": _unreadable,
        **dict.fromkeys(STREAMS, _packed),
    }
    by_name: dict[str, Callable[[File], Iterator[Found]]] = {
        ".safetensors": _safetensors,
        ".onnx": _onnx,
    }
    if file.suffix in by_name and not head.startswith((b"\x80", b"PK")):
        return by_name[file.suffix]
    for magic, reader in by_content.items():
        if head.startswith(magic):
            return reader
    if head[257:262] == b"ustar" or file.suffix == ".tar":
        return _tar
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 10**8:
        return _safetensors
    if file.suffix in _TEXTS and not head.startswith(b"\x80"):
        return _settings
    return _pickles


def _unreadable(file: File) -> Iterator[Found]:
    yield Found("not-scanned", "packed by 7-Zip, RAR, Zstandard or LZ4, which are not read here")


def _member(file: File, member: Member) -> Iterator[Found]:
    if leads_out(member.name):
        yield Found("archive-paths", repr(member.name))
    try:
        content, cut = member.open()
    except UNPACKING as error:
        yield Found("not-scanned", f"it cannot be unpacked: {error}", member.name)
        return
    inner = File(member.name, content, file.limits, lambda _: None, file.depth + 1, cut)
    for one in look(inner):
        yield one.within(member.name)


def _archive(file: File) -> Iterator[Found]:
    """Read a zip archive: of torch.save, TorchScript, Keras, NumPy, or any other."""
    members = list[Member]()
    for one in zip_members(file.content, file.limits):
        if isinstance(one, Found):
            yield one
        else:
            members.append(one)
    torch = file.suffix == ".pt2" or any(
        PurePosixPath(one.name).name in ("data.pkl", "constants.pkl") for one in members
    )
    if any(_SCRIPTED.fullmatch(one.name) for one in members):
        yield Found("torchscript", "the archive holds code/")
    for one in members:
        if not torch or not (_STORAGE.fullmatch(one.name) or _SCRIPTED.fullmatch(one.name)):
            yield from _member(file, one)
        if one.name == "config.json" and file.suffix == ".keras":
            content, _ = one.open()
            content.seek(0)
            yield from (found.within(one.name) for found in keras_found(content.read(MOST_BYTES)))


def _tar(file: File) -> Iterator[Found]:
    for one in tar_members(file.content, file.limits):
        if isinstance(one, Found):
            yield one
        elif one.name in ("storages", "tensors"):  # pickles between numbers, of torch's oldest
            content, _ = one.open()
            found = read_pickles(content, file.limits.check).found
            yield from (each.within(one.name) for each in found)
        else:
            yield from _member(file, one)


def _packed(file: File) -> Iterator[Found]:
    head = file.head(8)
    what, start = next(entry for magic, entry in STREAMS.items() if head.startswith(magic))
    file.content.seek(0)
    try:
        content, cut = unpacked(file.content, start, file.limits)
    except UNPACKING:
        if what == "zlib":  # two bytes are little to go by
            yield from _pickles(file)
        else:
            yield Found("not-scanned", f"it begins like {what}, but cannot be unpacked")
        return
    name = PurePosixPath(file.name)
    inner = name.stem if PurePosixPath(name.stem).suffix else f"{name.stem}{name.suffix}"
    yield from _member(file, Member(inner, lambda: (content, cut)))


def _pickles(file: File) -> Iterator[Found]:
    """Read what may be pickles, whatever it is called; text and known data are let be."""
    file.content.seek(0)
    read = read_pickles(file.content, file.limits.check)
    expected = file.suffix in PICKLED or file.head(1) == b"\x80"
    whole = read.whole > 0 and (expected or bool(read.found) or not _is_text(file))
    if expected or whole:
        yield from read.found
    if whole and not read.found:
        yield Found("pickle-weights", "read by its opcodes")
    if read.cut or (file.cut and whole and read.defect):
        yield Found("not-scanned", read.defect if read.cut else "only its start was unpacked")
    elif whole:
        pass
    elif expected:
        if file.suffix != ".bin" or file.beside(f"{file.name[:-4]}.xml") is None:  # OpenVINO's
            yield Found(
                "not-scanned", f"no weights of a kind known here; as a pickle it {read.defect}"
            )
    elif file.suffix in _DATA or _DATA_NAMES.search(file.name) or _is_text(file):
        yield from _settings(file)
    else:
        yield UNKNOWN
    if expected and zipfile.is_zipfile(Part(file.content, 0, size_of(file.content))):
        yield from _archive(file)  # some loaders take what is appended


def _is_text(file: File) -> bool:
    head = file.head(2**13)
    try:
        getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


def _settings(file: File) -> Iterator[Found]:
    size = size_of(file.content)
    name = PurePosixPath(file.name.lower()).name
    if size > MOST_BYTES:
        if name.endswith("config.json"):
            yield Found("not-scanned", f"{size:,} bytes of settings")
        return
    yield from settings_found(name, file.head(MOST_BYTES))


def _notebook(file: File) -> Iterator[Found]:
    try:
        said = json.loads(file.head(MOST_BYTES))
        cells = [cell for cell in said["cells"] if cell.get("cell_type") == "code"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield Found("notebook", "a notebook that cannot be read")
        return
    if cells:
        yield Found("notebook", f"{len(cells)} cells of code")


def _array(file: File) -> Iterator[Found]:
    head = file.head(2**16)
    wide = head[6:7] != b"\x01"
    start = 12 if wide else 10
    length = int.from_bytes(head[8:start], "little")
    if b"O" in head[start : start + length] or len(head) < start:
        file.content.seek(start + length)
        read = read_pickles(file.content, file.limits.check)
        yield from read.found
        yield Found("pickle-global", "an array of Python objects, which is a pickle")


def _keras_weights(file: File) -> Iterator[Found]:
    """Look in HDF5 for the configuration of a Keras model, wherever in the file it is kept."""
    kinds = set[bytes]()
    for chunk in _chunks(file):
        kinds |= set(_CLASS.findall(chunk))
    for kind in sorted(kinds):
        try:
            said = str(json.loads(b'"%s"' % re.sub(rb"\\+u", rb"\\u", kind)))
        except ValueError:
            said = kind.decode("utf-8", "replace")
        if said in ("Lambda", "__lambda__", "TorchModuleWrapper"):
            yield Found("keras-code", f"a layer {said}")


def _chunks(file: File) -> Iterator[bytes]:
    """Yield a file in pieces that overlap."""
    file.content.seek(0)
    before = b""
    while chunk := file.content.read(2**20):
        file.limits.check()
        yield before + chunk
        before = chunk[-1024:]


def _gguf(file: File) -> Iterator[Found]:
    texts = GgufHeader(part(file.content), file.limits.check).texts
    for key, text in texts.items():
        if key.startswith("tokenizer.chat_template"):
            yield from template_found(text)


def _onnx(file: File) -> Iterator[Found]:
    yield from OnnxModel(file.content, file.limits.check).said(file.beside)


def _safetensors(file: File) -> Iterator[Found]:
    file.content.seek(0)
    header = tensors_header(file.content, size_of(file.content), PurePosixPath(file.name).name)
    yield from _header_oddities(header)


def _header_oddities(header: TensorsHeader) -> Iterator[Found]:
    odd = [name for name in header.tensors if not _NAME.fullmatch(name) or leads_out(name)]
    if odd:
        yield Found(
            "safetensors-oddity", f"{len(odd)} odd names of tensors, such as {odd[0][:80]!r}"
        )
    for key, text in header.metadata.items():
        if re.search(r"<script|__import__|!!python/|\beval\(|\bexec\(|base64,", text):
            yield Found("safetensors-oddity", f"metadata {key[:80]!r} holds what looks like code")
        elif not key.isprintable() or len(key) > 200:
            yield Found("safetensors-oddity", f"a key of metadata that is odd: {key[:80]!r}")
    if not header.tensors:
        yield Found("safetensors-oddity", "no tensors")
