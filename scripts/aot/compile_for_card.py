"""Compiles StableHLO text for a graphics card that is only described, and says what the program would launch and move.

usage: compile_for_card.py TEXT.mlir DESCRIPTION.txt [--option NAME=VALUE]... [--keep FOLDER]
       compile_for_card.py --check

Prints one JSON object. Where the text is a loop of steps, the counts are those of the loop's body: of one step.
--option sets one of XLA's flags over those below, --keep writes XLA's own dumps to a folder, --check only looks for the libraries.

Neither a card nor a driver is needed: XLA's CUDA plugin compiles for a description (a GpuTargetConfigProto in text form) through the C
interface that the product uses too (PJRT). The plugin brings everything but ptxas and libdevice (requirements/aot.txt).
"""

import argparse
import ctypes
import importlib.util
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

# Kernels cannot be timed without a card, so XLA takes its default for each here anyway; with a card it has to be told, to choose the same.
# xla_gpu_deterministic_ops and xla_gpu_exclude_nondeterministic_ops do not compile here: they leave the products of matrices to cuBLAS,
# and XLA cannot plan a call of cuBLAS without a card.
OPTIONS = {
    "xla_gpu_autotune_level": 0,
}

# --- The C interface (xla/pjrt/c/pjrt_c_api.h): its table only grows at the end, so places stay.

MAJOR_VERSION = 0
FUNCTIONS = {
    "PJRT_Error_Destroy": 0,
    "PJRT_Error_Message": 1,
    "PJRT_Plugin_Initialize": 3,
    "PJRT_Executable_Serialize": 49,
    "PJRT_TopologyDescription_Create": 82,
    "PJRT_Compile": 89,
    "PJRT_Executable_GetCompiledMemoryStats": 96,
}
POINTER, SIZE = ctypes.c_void_p, ctypes.c_size_t


def structure(name, /, **fields):
    """A structure of the interface: its own size and a list of extensions stand before its fields."""
    layout = [("struct_size", SIZE), ("extension_start", POINTER), *fields.items()]
    return type(name, (ctypes.Structure,), {"_fields_": layout})


Version = structure("PJRT_Api_Version", major=ctypes.c_int, minor=ctypes.c_int)
Head = structure("PJRT_Api", version=Version)
ErrorMessage = structure("PJRT_Error_Message_Args", error=POINTER, message=POINTER, message_size=SIZE)
ErrorDestroy = structure("PJRT_Error_Destroy_Args", error=POINTER)
Initialize = structure("PJRT_Plugin_Initialize_Args")
NamedText = structure("PJRT_NamedValue", name=ctypes.c_char_p, name_size=SIZE, type=ctypes.c_int, value=ctypes.c_char_p, value_size=SIZE)
CreateTopology = structure(
    "PJRT_TopologyDescription_Create_Args",
    name=ctypes.c_char_p, name_size=SIZE, options=POINTER, options_count=SIZE, topology=POINTER,
)  # fmt: skip
Program = structure("PJRT_Program", code=ctypes.c_char_p, code_size=SIZE, format=ctypes.c_char_p, format_size=SIZE)
Compile = structure(
    "PJRT_Compile_Args",
    topology=POINTER, program=POINTER, options=ctypes.c_char_p, options_size=SIZE, client=POINTER, executable=POINTER,
)  # fmt: skip
Serialize = structure(
    "PJRT_Executable_Serialize_Args", executable=POINTER, bytes=POINTER, bytes_size=SIZE, serialized=POINTER, deleter=POINTER
)
MEMORY = ["code", "argument", "output", "alias", "temporary", *(f"host_{i}" for i in range(5)), "peak", "total"]
MemoryStats = structure(
    "PJRT_Executable_GetCompiledMemoryStats_Args", executable=POINTER, **{name: ctypes.c_int64 for name in MEMORY}
)


def sized(arguments):
    arguments.struct_size = ctypes.sizeof(arguments)
    return arguments


class Plugin:
    def __init__(self, library):
        entry = ctypes.CDLL(str(library)).GetPjrtApi
        entry.restype = POINTER
        self.api = entry()
        major = Head.from_address(self.api).version.major
        if major != MAJOR_VERSION:
            raise RuntimeError(f"version {major} of PJRT's C interface; this script knows {MAJOR_VERSION}")
        self.call("PJRT_Plugin_Initialize", Initialize())

    def function(self, name):
        address = self.api + ctypes.sizeof(Head) + FUNCTIONS[name] * ctypes.sizeof(POINTER)
        return ctypes.CFUNCTYPE(POINTER, POINTER)(POINTER.from_address(address).value)

    def call(self, name, arguments):
        """Calls a function and gives its arguments back, with what it filled in; its error is raised."""
        error = self.function(name)(ctypes.addressof(sized(arguments)))
        if error is None:
            return arguments
        message = sized(ErrorMessage(error=error))
        self.function("PJRT_Error_Message")(ctypes.addressof(message))
        text = ctypes.string_at(message.message, message.message_size).decode(errors="replace")
        self.function("PJRT_Error_Destroy")(ctypes.addressof(sized(ErrorDestroy(error=error))))
        raise RuntimeError(f"{name}: {text}")

    def describe(self, description):
        """A machine with one such card."""
        given = {b"target_config": description, b"topology": b"1x1x1"}
        named = [sized(NamedText(name=k, name_size=len(k), type=0, value=v, value_size=len(v))) for k, v in given.items()]
        options = (NamedText * len(named))(*named)
        asked = CreateTopology(name=b"card", name_size=4, options=ctypes.addressof(options), options_count=len(named))
        return self.call("PJRT_TopologyDescription_Create", asked).topology

    def compile(self, topology, text, options):
        program = sized(Program(code=text, code_size=len(text), format=b"mlir", format_size=4))
        asked = Compile(topology=topology, program=ctypes.addressof(program), options=options, options_size=len(options))
        return self.call("PJRT_Compile", asked).executable


# --- CompileOptionsProto, by hand: three kinds of fields are all that is needed.


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def whole(field, number):
    return varint(field << 3) + varint(number % 2**64)


def part(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def override(value):
    """OptionOverrideProto"""
    if isinstance(value, bool):
        return whole(2, int(value))
    return whole(3, value) if isinstance(value, int) else part(1, value.encode())


def compile_options(flags):
    build = whole(1, -1) + whole(4, 1) + whole(5, 1)  # device_ordinal, num_replicas, num_partitions
    overrides = [part(7, part(1, name.encode()) + part(2, override(value))) for name, value in flags.items()]
    return part(3, build) + b"".join(overrides)


# --- What was compiled, read from XLA's dumps: the order of launches and the optimized program.

THUNK = re.compile(r"^( *)\d+: (k\w+)")
COPIES = {"kCopy", "kMemset32BitValue", "kMemzero"}
# What holds launches, or says where those of a loop begin.
HOLDERS = {"kCommandBuffer", "kConditional", "kSequential", "kWhile", "body", "condition"}


def read_thunks(text):
    """(depth, kind) of each launch, in order; the words "condition:" and "body:" after a loop give kinds of their own."""
    thunks = []
    for line in text.splitlines():
        found = THUNK.match(line)
        if found:
            thunks.append((len(found[1]), found[2]))
        elif line.strip() in ("condition:", "body:"):
            thunks.append((len(line) - len(line.lstrip()), line.strip()[:-1]))
    return thunks


def one_step(thunks):
    """The kinds of one step's launches, those of the first loop's body where there is a loop, and how many graphs hold them."""
    loop = next((place for place, (_, kind) in enumerate(thunks) if kind == "kWhile"), None)
    if loop is None:
        kinds = [kind for _, kind in thunks]
        return kinds, kinds.count("kCommandBuffer")
    around, within = 0, thunks[loop][0]
    for depth, kind in reversed(thunks[:loop]):
        if depth < within:
            around, within = around + (kind == "kCommandBuffer"), depth
    body = next(place for place, (_, kind) in enumerate(thunks) if place > loop and kind == "body")
    kinds = []
    for depth, kind in thunks[body + 1 :]:
        # XLA writes "condition:" at the left whatever holds the loop, so its depth ends nothing.
        if depth <= thunks[body][0] and kind != "condition":
            break
        kinds.append(kind)
    return kinds, around + kinds.count("kCommandBuffer")


# Bits of the element types whose names do not begin with a letter and the number.
WIDTHS = {"pred": 8, "token": 0}
ARRAY = re.compile(r"\b(pred|token|[a-z]+\d+\w*)\[([\d,]*)\]")
FREE = {"parameter", "constant", "bitcast", "tuple", "get-tuple-element", "after-all", "while", "call", "conditional"}
READS_A_PART = {"slice", "dynamic-slice", "gather"}


def sizes(shape):
    """Bytes of each array of a shape, tuples flattened."""
    found = []
    for kind, dims in ARRAY.findall(shape):
        bits = WIDTHS[kind] if kind in WIDTHS else int(re.search(r"\d+", kind)[0])
        count = 1
        for dim in filter(None, dims.split(",")):
            count *= int(dim)
        found.append((count * bits + 7) // 8)
    return found


def up_to_closing(text, start):
    """The place after the parenthesis that closes the one at start."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    return len(text)


INSTRUCTION = re.compile(r"^\s+(ROOT )?%?([\w.-]+) = ")
COMMENT = re.compile(r"/\*.*?\*/")


def read_hlo(text):
    """Computations by name, each a list of instructions; ENTRY's name is "ENTRY"."""
    computations, current = {}, None
    for line in text.splitlines():
        if line.endswith("{") and not line.startswith((" ", "HloModule")):
            words = line.split()
            name = "ENTRY" if words[0] == "ENTRY" else words[0].lstrip("%")
            current = computations.setdefault(name, [])
            continue
        found = INSTRUCTION.match(line)
        if not found or current is None:
            continue
        rest = COMMENT.sub("", line[found.end() :])
        end = up_to_closing(rest, 0) if rest.startswith("(") else rest.index(" ")
        open_ = rest.index("(", end)
        close = up_to_closing(rest, open_)
        current.append(
            {
                "root": bool(found[1]),
                "name": found[2],
                "sizes": sizes(rest[:end]),
                "kind": rest[end:open_].strip(),
                # %name, or %name#3 for one array of a tuple
                "operands": re.findall(r"%([\w.#-]+)", rest[open_:close]),
                "inside": rest[open_ + 1 : close - 1],
                "attributes": rest[close:],
            }
        )
    return computations


def named_computation(instruction, attribute):
    found = re.search(rf"\b{attribute}=%?([\w.-]+)", instruction["attributes"])
    return found[1] if found else None


def size_of(operand, by_name):
    name, _, index = operand.partition("#")
    found = by_name[name]["sizes"]
    return found[int(index)] if index else sum(found)


def read_of_parameter(fused, number):
    """Bytes that a fusion reads of one of its operands where it reads only parts; None where it may read all."""
    wanted = {i["name"] for i in fused if i["kind"] == "parameter" and i["inside"] == str(number)}
    total = 0
    for instruction in fused:
        if instruction["kind"] == "bitcast" and wanted & set(instruction["operands"]):
            wanted.add(instruction["name"])
        elif wanted & set(instruction["operands"]):
            in_place = instruction["kind"] == "dynamic-update-slice"
            if instruction["operands"][0] not in wanted or not (in_place or instruction["kind"] in READS_A_PART):
                return None
            total += 0 if in_place else sum(instruction["sizes"])
    return total


def written(instruction, fused):
    """Bytes that an instruction writes; an update in place writes the update."""
    inner = {i["name"]: i for i in fused}
    roots = [i for i in fused if i["root"]]
    if roots and roots[0]["kind"] == "tuple":
        roots = [inner[name] for name in roots[0]["operands"] if name in inner]
    saved = sum(sum(r["sizes"]) - size_of(r["operands"][1], inner) for r in roots if r["kind"] == "dynamic-update-slice")
    return sum(instruction["sizes"]) - saved


def bytes_moved(instructions, computations):
    """What the launches read and write if none of it stays in a cache: each operand once, each result once."""
    by_name = {i["name"]: i for i in instructions}
    total = 0
    for instruction in instructions:
        if instruction["kind"] in FREE:
            continue
        fused = computations.get(named_computation(instruction, "calls"), []) if instruction["kind"] == "fusion" else []
        total += written(instruction, fused)
        seen = set()
        for number, operand in enumerate(instruction["operands"]):
            if operand in seen:
                continue
            seen.add(operand)
            size = size_of(operand, by_name)
            if instruction["kind"] in READS_A_PART and number == 0:
                size = min(size, sum(instruction["sizes"]))
            part_read = read_of_parameter(fused, number) if fused else None
            total += size if part_read is None else min(size, part_read)
    return total


def step_instructions(computations):
    """The instructions of one step, the loop's trip count where XLA knows it, and how many loops there are."""
    entry = computations["ENTRY"]
    loops = [i for instructions in computations.values() for i in instructions if i["kind"] == "while"]
    outermost = next((i for i in entry if i["kind"] == "while"), None)
    if outermost is None:
        return entry, None, len(loops)
    trips = re.search(r'"known_trip_count":\{"n":"(\d+)"', outermost["attributes"])
    return computations[named_computation(outermost, "body")], int(trips[1]) if trips else None, len(loops)


def reachable(instructions, computations):
    for instruction in instructions:
        yield instruction
        for attribute in ("calls", "to_apply", "body", "condition"):
            yield from reachable(computations.get(named_computation(instruction, attribute), []), computations)


def count_custom_calls(instructions, computations):
    counts = {}
    for instruction in reachable(instructions, computations):
        if instruction["kind"] == "custom-call":
            target = re.search(r'custom_call_target="([^"]*)"', instruction["attributes"])[1]
            counts[target] = counts.get(target, 0) + 1
    return counts


def read_dump(folder, *endings):
    """The text of the one dump with the first of these endings that any dump has."""
    for ending in endings:
        found = [path for path in Path(folder).iterdir() if path.name.endswith(ending)]
        if len(found) > 1:
            raise RuntimeError(f"{len(found)} dumps end in {ending}; one was expected")
        if found:
            return found[0].read_text()
    raise RuntimeError(f"XLA left no dump that ends in {' or '.join(endings)}")


def read_dumps(folder):
    computations = read_hlo(read_dump(folder, "gpu_after_optimizations.txt"))
    # The passes that make graphs; where they changed nothing, there is no dump of theirs.
    thunks = read_thunks(read_dump(folder, "thunk_sequence_after_thunk_passes.txt", "thunk_sequence.txt"))
    instructions, trips, loops = step_instructions(computations)
    kinds, graphs = one_step(thunks)
    calls = count_custom_calls(instructions, computations)
    launched = [kind for kind in kinds if kind not in HOLDERS]
    return {
        "cudaGraphs": graphs,
        "customCalls": calls,
        "cudnnCalls": sum(count for name, count in calls.items() if "cudnn" in name.lower()),
        "cublasCalls": sum(count for name, count in calls.items() if "cublas" in name.lower()),
        "kernels": sum(kind not in COPIES for kind in launched),
        "copies": sum(kind in COPIES for kind in launched),
        "whileLoops": loops,
        "tripCount": trips,
        "bytesAccessed": bytes_moved(instructions, computations),
    }


# --- Together


def find_libraries():
    """The plugin, and the folder with bin/ptxas and nvvm/libdevice: of the environment that runs this script."""
    roots = {
        name: Path(folder)
        for name in ("jax_plugins", "nvidia")
        if (spec := importlib.util.find_spec(name))
        for folder in spec.submodule_search_locations
    }
    plugin = roots.get("jax_plugins", Path("jax_plugins")) / "xla_cuda13" / "xla_cuda_plugin.so"
    toolkit = roots.get("nvidia", Path("nvidia")) / "cu13"
    for path in (plugin, toolkit / "bin" / "ptxas", toolkit / "nvvm" / "libdevice" / "libdevice.10.bc"):
        if not path.exists():
            raise RuntimeError(f"{path} is missing; scripts/aot/install installs it")
    return plugin, toolkit


def compile_for_card(text, description, flags, folder):
    library, toolkit = find_libraries()
    # Only the options named here count, not those of whoever runs this.
    os.environ.pop("XLA_FLAGS", None)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    plugin = Plugin(library)
    all_flags = {
        "xla_gpu_cuda_data_dir": str(toolkit),
        "xla_dump_to": str(folder),
        "xla_dump_hlo_as_text": True,
        **OPTIONS,
        **flags,
    }
    topology = plugin.describe(description)
    start = time.monotonic()
    executable = plugin.compile(topology, text, compile_options(all_flags))
    seconds = time.monotonic() - start
    memory = plugin.call("PJRT_Executable_GetCompiledMemoryStats", MemoryStats(executable=executable))
    return {
        "seconds": round(seconds, 2),
        **read_dumps(folder),
        "temporaryBytes": memory.temporary,
        "argumentBytes": memory.argument,
        "outputBytes": memory.output,
        "aliasedBytes": memory.alias,
        "serializedBytes": plugin.call("PJRT_Executable_Serialize", Serialize(executable=executable)).bytes_size,
    }


def flag(text):
    """NAME=VALUE, with the value as a bool or an int where it reads like one: XLA wants the flag's own type."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text}: NAME=VALUE is wanted")
    if value in ("true", "false"):
        return name, value == "true"
    return name, int(value) if re.fullmatch(r"-?\d+", value) else value


def main():
    parser = argparse.ArgumentParser(description="Compiles StableHLO text for a card that is only described.")
    parser.add_argument("text", nargs="?", type=Path)
    parser.add_argument("description", nargs="?", type=Path)
    parser.add_argument("--option", action="append", type=flag, default=[], metavar="NAME=VALUE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    if asked.check:
        find_libraries()
        return
    if asked.text is None or asked.description is None:
        parser.error("TEXT.mlir and DESCRIPTION.txt are wanted")
    with tempfile.TemporaryDirectory(prefix="runner-aot-") as temporary:
        folder = asked.keep or temporary
        print(json.dumps(compile_for_card(asked.text.read_bytes(), asked.description.read_bytes(), dict(asked.option), folder)))


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError) as fault:
        sys.exit(f"compile_for_card.py: {fault}")
