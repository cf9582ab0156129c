"""Machine code for tests, one instruction a line."""

from jouleline.core.sass import Instruction, MachineCode

FILE = "main.cu"
"""The source that the code came from."""


def code(*lines: str) -> MachineCode:
    """Code from lines ``label: line| @predicate OPCODE operands``, where all but the opcode may lack.

    Lines of calls that were inlined follow the own one: ``9<3|``.
    """
    instructions: list[Instruction] = []
    labels: dict[str, int] = {}
    for address, text in enumerate(lines):
        label, _, rest = text.rpartition(": ")
        if label:
            labels[label] = address
        places, _, words = rest.rpartition("| ")
        parts = words.split(" ", 2 if words.startswith("@") else 1)
        predicate = parts.pop(0)[1:] if words.startswith("@") else ""
        operands = parts[1] if len(parts) > 1 else ""
        calls = tuple((FILE, int(line)) for line in places.split("<") if line)
        instructions.append(Instruction(address, parts[0], operands, predicate, calls))
    return MachineCode("kernel", tuple(instructions), labels)
