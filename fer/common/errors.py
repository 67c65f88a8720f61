"""The exception for a user's mistakes, and the line that reports any exception."""


class InputError(ValueError):
    """What a user gave cannot be used; the message is the single line that they are shown.

    It says what was found, where, what was expected and what to do next:
    `fer2013.csv line 17: 2303 pixels, expected 2304 (48x48)`.
    """


def one_line(fault: BaseException) -> str:
    """The message in one line. It opens with the kind of exception unless that is InputError."""
    line = " ".join(str(fault).split())
    return line if isinstance(fault, InputError) else f"{type(fault).__name__}: {line}"


def refusal(group: str, fault: BaseException) -> InputError:
    """What a constructor of a config group refused: `model.channels: ...` where it names its key."""
    line = " ".join(str(fault).split())
    names_key = isinstance(fault, ValueError) and line.split(":")[0].isidentifier()
    return InputError(f"{group}{'.' if names_key else ': '}{line}")
