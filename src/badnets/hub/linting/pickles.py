"""Pickles, read by their opcodes: what they would import, and with what. Nothing is loaded.

Lines and lengths are taken as Python's unpickler takes them, not as `pickletools` checks them: a
reader that stops where the unpickler goes on can be led past what comes then.
"""

from __future__ import annotations

import codecs
import pickletools
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

from badnets.hub.linting.findings import Found
from badnets.hub.linting.parts import TooMuchError

MOST_OPCODES = 5_000_000
_READ = 2**16  # bytes of an argument; what is longer is skipped
_KEPT = 1000  # bytes of a text that is kept, as it may be a name
_MOST_NAMED = 100
_LENGTHS = {-2: "<B", -3: "<i", -4: "<I", -5: "<Q"}  # by pickletools' arg.n: length comes first
_OPS = {ord(op.code): op for op in pickletools.opcodes}
_TEXTS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINSTRING", "BINSTRING")
_STEPS = (  # opcodes that name, call or keep something
    *_TEXTS, "UNICODE", "STRING", "GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "REDUCE", "NEWOBJ",
    "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET",
    "LONG_BINGET", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "DUP", "POP", "MARK", "STOP",
)  # fmt: skip
_FIXED = {
    code: op.arg.n if op.arg else 0 for code, op in _OPS.items() if not op.arg or op.arg.n > 0
}
_ENDS = "ends in the middle of a pickle"
_LIKELY = re.compile(r"[\w.-]+|an? (?:name|entry) .*")


def _effect(op: Any) -> tuple[bool, int, list[None]]:
    """Return what an opcode takes from the stack (to a mark, and how many below it) and puts."""
    kinds = [one.name for one in op.stack_before]
    below = kinds.index("mark") if "mark" in kinds else len(kinds)
    return "mark" in kinds, below, [None] * len(op.stack_after)


_EFFECTS = {code: _effect(op) for code, op in _OPS.items() if op.name not in _STEPS}
_OLD = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # names of Python 2, mapped when loaded

_TORCH = "float double half bfloat16 long int short char bool uint8 int8 int16 int32 int64 float16"
_REBUILDS = (
    "parameter parameter_with_state qtensor tensor tensor_v2 tensor_v3 sparse_tensor "
    "meta_tensor_no_storage nested_tensor wrapper_subclass device_tensor_from_numpy "
    "device_tensor_from_cpu_tensor"
)
_STORAGES = (
    "Float Double Half BFloat16 Long Int Short Char Bool Byte ComplexFloat ComplexDouble Untyped "
    "Typed QInt8 QUInt8 QInt32 QUInt4x2 QUInt2x4"
)
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
    "torch.jit._pickle": "build_intlist build_tensorlist build_doublelist build_boollist "
    "build_tensor_from_id restore_type_tag",
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


def is_safe(name: str) -> bool:
    """Return whether tensors need a global; those of TorchScript are in no module of Python."""
    return name in SAFE or name.startswith("__torch__.")


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
        cut: whether it was the limits that did.
    """

    found: list[Found]
    whole: int
    defect: str
    cut: bool


def read_pickles(file: BinaryIO, check: Callable[[], None]) -> Pickled:
    """Return what the pickles, one after the other, from here on would import.

    Args:
        file: seekable; read until something in it is no pickle.
        check: called now and then; raises `TooMuchError` where time is up.
    """
    named: dict[str, str] = {}
    steps = whole = 0
    defect, cut = "", False
    while not defect:
        start = file.tell()
        if not file.read(1):
            break
        file.seek(start)
        machine = _Machine(file, check, steps)
        try:
            machine.run()
            whole += 1
        except (_NoPickleError, TooMuchError) as error:
            defect, cut = str(error), isinstance(error, TooMuchError)
        steps = machine.steps
        for name, given in machine.named.items():
            if not defect or not whole or _LIKELY.fullmatch(name):  # numbers may follow a pickle
                named[name] = named.get(name) or given
    return Pickled(list(_said(named)), whole, defect, cut)


def _said(named: dict[str, str]) -> Iterator[Found]:
    odd = [(name, given) for name, given in named.items() if not is_safe(name)]
    for name, given in odd[:_MOST_NAMED]:
        words = f"calls {name}{given}" if given else f"imports {name}"
        yield Found("pickle-global" if name in DATA else "pickle-code", words)
    if len(odd) > _MOST_NAMED:
        yield Found("pickle-code", f"and {len(odd) - _MOST_NAMED} more names")


class _NoPickleError(Exception):
    """What comes is no pickle, or ends in the middle of one."""


class _Machine:
    """A pickle's stack and memo, with texts and names alone kept on it."""

    def __init__(self, file: BinaryIO, check: Callable[[], None], steps: int) -> None:
        self.file, self.check, self.steps = file, check, steps
        self.named: dict[str, str] = {}  # global -> what it is called with, where that was seen
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> None:
        read, stack = self.file.read, self.stack
        while True:
            self.steps += 1
            if self.steps % 4096 == 0:
                self.check()
                if self.steps > MOST_OPCODES:
                    raise TooMuchError(f"it has more than {MOST_OPCODES:,} opcodes")
            code = read(1)
            op = _OPS.get(code[0]) if code else None
            if op is None:
                raise _NoPickleError(f"{code!r} is no opcode" if code else _ENDS)
            size = _FIXED.get(code[0])
            value = None
            if size is None:
                value = _argument(op, self.file)
            elif size:
                value = int.from_bytes(_bytes(self.file, size), "little")
            effect = _EFFECTS.get(code[0])
            if effect is None:
                if op.name == "STOP":
                    return
                self._step(op.name, value)
                continue
            to_mark, pops, pushes = effect
            if to_mark:
                self._to_mark()
            if pops:
                del stack[-pops:]
            stack += pushes

    def _step(self, name: str, value: Any) -> None:
        """Do what an opcode does that names, calls or keeps something."""
        stack = self.stack
        match name:
            case "PUT" | "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                key = len(self.memo) if name == "MEMOIZE" else value
                self.memo[key] = stack[-1] if stack else None
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self.memo.get(value))
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
            case _:  # a text
                stack.append(value)

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


def _argument(op: Any, file: BinaryIO) -> Any:
    """Return an opcode's argument of no fixed length, where it can be a name; else None."""
    if op.arg.n == pickletools.UP_TO_NEWLINE:
        first = _line(file)
        if op.name in ("GLOBAL", "INST"):
            return first.decode("utf-8", "replace"), _line(file).decode("utf-8", "replace")
        return _of_line(op.name, first)
    head = _LENGTHS[op.arg.n]
    (length,) = struct.unpack(head, _bytes(file, struct.calcsize(head)))
    if length < 0:
        raise _NoPickleError("gives a length below 0")
    if length > _READ:
        _skip(file, length)
        return None
    data = _bytes(file, length)
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
        raise _NoPickleError(_ENDS)
    return data


def _skip(file: BinaryIO, length: int) -> None:
    here = file.tell()
    if file.seek(0, 2) < here + length:
        raise _NoPickleError(_ENDS)
    file.seek(here + length)


def _line(file: BinaryIO) -> bytes:
    line = file.readline(_READ)
    if not line.endswith(b"\n"):
        raise _NoPickleError("has a line without an end")
    return line[:-1]
