"""Files that run a command where they are loaded carelessly: each kind that scanners have missed.

The pickles are put together opcode by opcode; none is ever loaded here but as a control.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

STOP = b"."
PLAIN = b"\x80\x02}q\x00X\x01\x00\x00\x00aK\x01s."  # {"a": 1}


def text(value: str) -> bytes:
    """Push a text."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def reduced(module: str, name: str, *arguments: bytes) -> bytes:
    """Call ``module.name`` on what the arguments push, as protocol 2 does."""
    given = b"(" + b"".join(arguments) + b"t"
    return b"c" + f"{module}\n{name}\n".encode() + given + b"R"


def pickled(body: bytes, protocol: int = 2) -> bytes:
    """Return a whole pickle."""
    return b"\x80" + bytes([protocol]) + body + STOP


def zipped(**members: bytes) -> bytes:
    """Return a zip archive, uncompressed, with names in which "__" stands for "/"."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return content.getvalue()


def saved(data: bytes) -> bytes:
    """Return an archive as torch.save makes one."""
    with_dot = {"archive__data.pkl": data}
    return zipped(**with_dot, archive__version=b"3\n", archive__data__0=b"\x80\x04cos\nsystem\n")


def deflated(name: str, data: bytes) -> bytes:
    """Return a zip archive with one packed member."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return content.getvalue()


def tarred(**members: bytes) -> bytes:
    """Return a tar archive."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def array_of_objects(data: bytes) -> bytes:
    """Return an .npy file whose values are a pickle."""
    head = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    head += b" " * (117 - len(head)) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


def keras_config(layer: str = "Lambda") -> bytes:
    """Return the configuration of a Keras model with one layer of a kind."""
    inner = {"module": "keras.layers", "class_name": layer, "config": {"name": "l"}}
    return json.dumps({"class_name": "Sequential", "config": {"layers": [inner]}}).encode()


def crc_changed(archive: bytes) -> bytes:
    """Return a zip archive whose members do not have the CRC that it says."""
    for magic, place in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        start = archive.index(magic) + place
        archive = archive[:start] + b"\0\0\0\1" + archive[start + 4 :]
    return archive


def encrypted_by_its_word(archive: bytes) -> bytes:
    """Return a zip archive that says that its members are encrypted, which they are not."""
    start = archive.index(b"PK\x01\x02") + 8
    return archive[:start] + b"\1\0" + archive[start + 2 :]


def payloads(marker: Path) -> dict[str, tuple[str, bytes, str]]:
    """Return by kind: the file's name, its content, and what a finding has to name.

    Args:
        marker: the file that they would make.
    """
    command = text(f"touch {marker}")
    code = text(f"open({str(marker)!r}, 'w')")
    system = pickled(reduced("os", "system", command))
    stacked = b"\x8c\x02os\x94\x8c\x06system\x94\x93"
    memoised = b"\x8c\x06system\x94\x8c\x02os\x940" + b"h\x01h\x00\x93" + command + b"\x85R"
    line = f"touch {marker}".encode()
    named = {
        "os.system": system,
        "subprocess.Popen": pickled(reduced("subprocess", "Popen", b"]" + command + b"a")),
        "builtins.eval": pickled(reduced("__builtin__", "eval", code)),
        "builtins.exec": pickled(reduced("builtins", "exec", code)),
        "builtins.getattr": pickled(
            reduced("builtins", "getattr", reduced("builtins", "__import__", text("os")), text("x"))
        ),
        "torch.utils.collect_env.run": pickled(reduced("torch.utils.collect_env", "run", command)),
        "multiprocessing.util.spawnv_passfds": pickled(
            reduced("multiprocessing.util", "spawnv_passfds", text("/bin/sh"), b"]", b")")
        ),
        "timeit.timeit": pickled(reduced("timeit", "timeit", code)),
        "numpy.testing._private.utils.runstring": pickled(
            reduced("numpy.testing._private.utils", "runstring", code, b"}")
        ),
        "sympy.core.sympify.sympify": pickled(reduced("sympy.core.sympify", "sympify", code)),
        "pydoc.pipepager": pickled(reduced("pydoc", "pipepager", text("x"), command)),
        "torch.jit.unsupported_tensor_ops.execWrapper": pickled(
            reduced("torch.jit.unsupported_tensor_ops", "execWrapper", code, b"}", b"}")
        ),
        "torch.load": pickled(reduced("torch", "load", text("other.pt"))),
        "pickle.loads": pickled(reduced("pickle", "loads", b"C" + bytes([len(PLAIN)]) + PLAIN)),
        "webbrowser.open": pickled(reduced("webbrowser", "open", text("http://localhost"))),
        "builtins.list.__class__": pickled(b"\x8c\x08builtins\x8c\x0elist.__class__\x93", 4),
    }  # fmt: skip
    kinds = {name: (f"{name}.pkl", data, name) for name, data in named.items()}
    run, tail = "os.system", b"\xff broken"
    opcodes = {
        "inst": b"(S'" + line + b"'\nios\nsystem\n.",
        "obj": b"(cos\nsystem\nS'" + line + b"'\no.",
        "protocol-0": b"cos\nsystem\n(S'" + line + b"'\ntR.",
        "stack-global": pickled(stacked + command + b"\x85R", 4),
        "names-from-the-memo": pickled(memoised, 4),
        "escaped-name": b"Vo\\u0073\nV\\u0073ystem\n\x93(" + command + b"tR.",
        "newobj-ex": pickled(b"cos\nsystem\n(" + command + b"t}\x92", 4),
        "odd-number-first": b"I0x10\n0" + system[2:],
        "broken-tail": system[:-1] + tail,
        "second-pickle": PLAIN + system,
        "a-frame-that-lies": b"\x80\x04\x95" + struct.pack("<Q", 2**40) + system[2:],
    }
    kinds |= {name: (f"{name}.pkl", data, run) for name, data in opcodes.items()}
    archives = {
        "raw-as-pt": ("raw.pt", system),
        "raw-as-bin": ("pytorch_model.bin", system),
        "no-known-end": ("weights", system),
        "named-json": ("weights.json", system),
        "named-safetensors": ("model.safetensors", system),
        "torch-zip": ("zip.pt", saved(system)),
        "torch-zip-wrong-crc": ("crc.pt", crc_changed(saved(system))),
        "torch-zip-encrypted-by-its-word": ("flag.pt", encrypted_by_its_word(saved(system))),
        "torch-zip-without-directory": ("cut.pt", saved(system)[:-30]),
        "torch-zip-packed": ("packed.pth", deflated("archive/data.pkl", system)),
        "torch-zip-behind-a-pickle": ("poly.pt", PLAIN + saved(system)),
        "torch-tar": ("legacy.tar", tarred(pickle=system, storages=PLAIN, tensors=PLAIN)),
        "storages-of-a-tar": ("old.tar", tarred(pickle=PLAIN, storages=system)),
        "zip-in-zip": ("outer.zip", zipped(inner=saved(system))),
        "gzip": ("model.pkl.gz", gzip.compress(system)),
        "zlib": ("model.joblib", zlib.compress(system)),
        "numpy": ("objects.npy", array_of_objects(system)),
        "numpy-zip": ("objects.npz", zipped(**{"a.npy": array_of_objects(system)})),
        "exported-program": ("program.pt2", zipped(**{"data__weights__a.pt": system})),
    }
    kinds |= {name: (file, data, run) for name, (file, data) in archives.items()}
    hdf5 = b"\x89HDF\r\n\x1a\n" + bytes(100)
    kinds |= {
        "keras": ("model.keras", zipped(**{"config.json": keras_config()}), "Lambda"),
        "keras-other-code": (
            "other.keras",
            zipped(**{"config.json": keras_config().replace(b"keras.layers", b"os")}),
            "os.Lambda",
        ),
        "keras-hdf5": ("model.h5", hdf5 + keras_config(), "Lambda"),
        "keras-hdf5-escaped": ("esc.h5", hdf5 + keras_config("\\u004cambda")[:], "Lambda"),
        "registry": ("ext.pkl", b"\x80\x02\x82\x01.", "copyreg"),
        "put-together": ("join.pkl", pickled(b"]\x8c\x06system\x93", 4), "put together"),
        "seven-zip": ("model.7z", b"7z\xbc\xaf\x27\x1c" + bytes(50), "7-Zip"),
    }  # fmt: skip
    return kinds
