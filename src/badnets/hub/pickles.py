"""Pickles, read by their opcodes: what they would import, and with what. Nothing is loaded.

Lines and lengths are taken as Python's unpickler takes them, not as `pickletools` checks them: a
reader that stops where the unpickler goes on can be led past what comes then.
"""

from __future__ import annotations

import codecs
import pickletools
import struct
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

from badnets.hub.findings import Found

MOST_OPCODES = 5_000_000
_READ = 2**16  # bytes of an argument; what is longer is skipped
_KEPT = 1000  # bytes of a text that is kept, as it may be a name
_MOST_PICKLES = 1000  # one after the other in a file
_MOST_NAMED = 100
_LENGTHS = {-2: "<B", -3: "<i", -4: "<I", -5: "<Q"}  # by pickletools' arg.n: length comes first
_OPS = {ord(op.code): op for op in pickletools.opcodes}
_TEXTS = {
    "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINSTRING", "BINSTRING",
}  # fmt: skip
_OLD = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # names of Python 2, mapped when loaded

_TORCH = "float double half bfloat16 long int short char bool uint8 int8 int16 int32 int64 float16"
_REBUILDS = (
    "parameter parameter_with_state qtensor tensor tensor_v2 tensor_v3 sparse_tensor "
    "meta_tensor_no_storage nested_tensor wrapper_subclass device_tensor_from_numpy "
    "device_tensor_from_cpu_tensor"
)
_STORAGES = "Float Double Half BFloat16 Long Int Short Char Bool Byte Untyped Typed Complex"
_SAFE = {
    "builtins": "bool bytearray bytes complex dict float frozenset int list object range set slice "
    "str tuple",
    "collections": "Counter OrderedDict defaultdict deque",
    "copyreg": "_reconstructor",
    "_codecs": "encode",
    "torch": f"Size Tensor device dtype {_TORCH} float32 float64 complex64 complex128 uint16 "
    "uint32 uint64 float8_e4m3fn float8_e5m2 qint8 quint8 qint32 per_tensor_affine "
    "per_channel_affine strided " + " ".join(f"{one}Storage" for one in _STORAGES.split()),
    "torch.storage": "UntypedStorage TypedStorage",
    "torch._utils": " ".join(f"_rebuild_{one}" for one in _REBUILDS.split()),
    "torch._tensor": "_rebuild_from_type_v2",
    "torch.nn.parameter": "Parameter Buffer",
    "torch.serialization": "_get_layout",
}
SAFE = frozenset(f"{module}.{name}" for module, names in _SAFE.items() for name in names.split())
"""What pickles of tensors and plain values name."""
_ARRAYS = {
    **dict.fromkeys(("numpy.core.multiarray", "numpy._core.multiarray"), "_reconstruct scalar"),
    **dict.fromkeys(("numpy.core.numeric", "numpy._core.numeric"), "_frombuffer"),
    "numpy": "dtype ndarray float32 float64 int32 int64 bool_",
    "numpy.random._pickle": "__randomstate_ctor __generator_ctor __bit_generator_ctor",
    "argparse": "Namespace",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "pathlib": "Path PosixPath PurePosixPath PureWindowsPath WindowsPath",
    "uuid": "UUID",
}
DATA = frozenset(f"{module}.{name}" for module, names in _ARRAYS.items() for name in names.split())
"""What pickles of arrays and of a training's settings name beside that."""


class _Named(NamedTuple):
    """A global on the stack: what is imported by this name."""

    name: str


class _Mark(NamedTuple):
    """Where a list of arguments begins."""


class Pickled(NamedTuple):
    """What the pickles at the start of a file come to.

    Attributes:
        found: what is to be said.
        whole: how many pickles ended as they should.
        defect: what stopped the reading of a further one; "" if nothing did.
    """

    found: list[Found]
    whole: int
    defect: str


def read_pickles(file: BinaryIO, check: Callable[[], None]) -> Pickled:
    """Return what the pickles, one after the other, from here on would import.

    Args:
        file: seekable; read until something in it is no pickle.
        check: called now and then; raises where time is up.
    """
    machine = _Machine()
    whole, defect = 0, ""
    while whole < _MOST_PICKLES:
        start = file.tell()
        if not file.read(1):
            break
        file.seek(start)
        try:
            machine.run(file, check)
        except _NoPickleError as error:
            defect = str(error)
            break
        whole += 1
    return Pickled(list(machine.said()), whole, defect)


class _NoPickleError(Exception):
    """What comes is no pickle, or ends in the middle of one."""


class _Machine:
    """A pickle's stack and memo, with texts and names alone kept on it."""

    def __init__(self) -> None:
        self.named: dict[str, str] = {}  # global -> what it is called with, where that was seen
        self.steps = 0

    def run(self, file: BinaryIO, check: Callable[[], None]) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        while True:
            self.steps += 1
            if self.steps % 4096 == 0:
                check()
            if self.steps > MOST_OPCODES:
                raise _NoPickleError(f"has more than {MOST_OPCODES:,} opcodes")
            code = file.read(1)
            if not code:
                raise _NoPickleError("ends in the middle of a pickle")
            op = _OPS.get(code[0])
            if op is None:
                raise _NoPickleError(f"{code!r} is no opcode")
            value = _argument(op, file)
            if op.name == "STOP":
                return
            self._step(op, value)

    def _step(self, op: Any, value: Any) -> None:
        stack, name = self.stack, op.name
        match name:
            case "GLOBAL":
                stack.append(self._import(*value))
            case "STACK_GLOBAL":
                attribute, module = self._pop(), self._pop()
                known = isinstance(module, str) and isinstance(attribute, str)
                stack.append(self._import(module, attribute) if known else None)
                if not known:
                    self.named.setdefault("a name that is put together while it is loaded", "")
            case "INST":
                arguments = self._to_mark()
                self._called(self._import(*value), arguments)
                stack.append(None)
            case "OBJ":
                first, *arguments = self._to_mark() or [None]
                self._called(first, arguments)
                stack.append(None)
            case "REDUCE" | "NEWOBJ" | "NEWOBJ_EX":
                keywords = self._pop() if name == "NEWOBJ_EX" else None
                arguments, function = self._pop(), self._pop()
                self._called(function, arguments if isinstance(arguments, list) else [keywords])
                stack.append(None)
            case "EXT1" | "EXT2" | "EXT4":
                self.named.setdefault(f"an entry of copyreg's registry ({name})", "")
                stack.append(None)
            case "PUT" | "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                key = len(self.memo) if name == "MEMOIZE" else value
                self.memo[key] = stack[-1] if stack else None
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self.memo.get(value))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append([self._pop() for _ in range(int(name[-1]))][::-1])
            case "TUPLE":
                stack.append(self._to_mark())
            case "DUP":
                stack.append(stack[-1] if stack else None)
            case "POP":
                self._pop()
            case "MARK":
                stack.append(_Mark())
            case _ if name in _TEXTS or name in ("UNICODE", "STRING"):
                stack.append(value)
            case _:
                self._plain(op)

    def _plain(self, op: Any) -> None:
        """Do what an opcode does to the stack that neither names nor calls anything."""
        kinds = [one.name for one in op.stack_before]
        if "mark" in kinds:
            self._to_mark()
            kinds = kinds[: kinds.index("mark")]
        for _ in kinds:
            self._pop()
        self.stack += [None] * len(op.stack_after)

    def _pop(self) -> Any:
        return self.stack.pop() if self.stack else None

    def _to_mark(self) -> list[Any]:
        taken: list[Any] = []
        while self.stack and not isinstance(top := self.stack.pop(), _Mark):
            taken.append(top)
        return taken[::-1]

    def _import(self, module: str, attribute: str) -> _Named:
        name = f"{_OLD.get(module, module)}.{attribute}"
        self.named.setdefault(name, "")
        return _Named(name)

    def _called(self, function: Any, arguments: list[Any]) -> None:
        if isinstance(function, _Named) and not self.named.get(function.name):
            given = [repr(one)[:80] for one in arguments if isinstance(one, str)]
            self.named[function.name] = f"({', '.join(given)})" if given else "(...)"

    def said(self) -> Iterator[Found]:
        odd = [(name, given) for name, given in self.named.items() if name not in SAFE]
        for name, given in odd[:_MOST_NAMED]:
            words = f"calls {name}{given}" if given else f"imports {name}"
            yield Found("pickle-global" if name in DATA else "pickle-code", words)
        if len(odd) > _MOST_NAMED:
            yield Found("pickle-code", f"and {len(odd) - _MOST_NAMED} more names")


def _argument(op: Any, file: BinaryIO) -> Any:
    """Return an opcode's argument where it can be a name or a place in the memo; else None."""
    if op.arg is None:
        return None
    if op.arg.n == pickletools.UP_TO_NEWLINE:
        first = _line(file)
        if op.name in ("GLOBAL", "INST"):
            return first.decode("utf-8", "replace"), _line(file).decode("utf-8", "replace")
        return _of_line(op.name, first)
    length = op.arg.n
    if op.arg.n < 0:
        head = _LENGTHS[op.arg.n]
        (length,) = struct.unpack(head, _bytes(file, struct.calcsize(head)))
        if length < 0:
            raise _NoPickleError("gives a length below 0")
        if length > _READ:
            _skip(file, length)
            return None
    data = _bytes(file, length)
    if op.name in ("BINGET", "BINPUT"):
        return data[0]
    if op.name in ("LONG_BINGET", "LONG_BINPUT"):
        return int.from_bytes(data, "little")
    return _text(data) if op.name in _TEXTS else None


def _text(data: bytes) -> str | None:
    return data.decode("utf-8", "replace") if len(data) <= _KEPT else None


def _of_line(name: str, line: bytes) -> Any:
    try:
        if name in ("GET", "PUT"):
            return int(line)
        if name == "UNICODE":
            return str(line[:_KEPT], "raw-unicode-escape")
        if name == "STRING":
            return _text(codecs.escape_decode(line.strip()[1:-1])[0])
    except (ValueError, TypeError):
        raise _NoPickleError(f"has a line that is no {name}") from None
    return None


def _bytes(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise _NoPickleError("ends in the middle of a pickle")
    return data


def _skip(file: BinaryIO, length: int) -> None:
    here = file.tell()
    if file.seek(0, 2) < here + length:
        raise _NoPickleError("ends in the middle of a pickle")
    file.seek(here + length)


def _line(file: BinaryIO) -> bytes:
    line = file.readline(_READ)
    if not line.endswith(b"\n"):
        raise _NoPickleError("has a line without an end")
    return line[:-1]
