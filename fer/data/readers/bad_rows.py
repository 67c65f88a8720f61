"""What becomes of a row or an image that cannot be used: data.on_bad_row."""

from typing import Literal, get_args

from fer.common.errors import InputError

OnBadRow = Literal["raise", "skip"]


class BadRows:
    """Ends the reading at the first bad row with one line, or counts bad rows for a note.

    source: what is read; a row's place follows it in a message, ` line 17` or `/happy/3.png`.
    """

    def __init__(self, policy: OnBadRow, source: object) -> None:
        if policy not in get_args(OnBadRow):
            raise ValueError(f"on_bad_row: {policy!r}, expected {' or '.join(get_args(OnBadRow))}")
        self.policy, self.source = policy, source
        self.count, self.first = 0, ""

    def add(self, place: str, fault: ValueError) -> None:
        """Takes note of a bad row. Raises InputError where the policy is to raise."""
        if self.policy == "raise":
            raise InputError(f"{self.source}{place}: {fault}")
        self.count += 1
        self.first = self.first or f"{place.strip(' /')}: {fault}"

    def notes(self, read: int) -> tuple[str, ...]:
        """The sentence for `Faces.notes`, none without bad rows; `read`: the good ones.

        Raises InputError where not one is good.
        """
        if not self.count:
            return ()
        if not read:
            raise InputError(
                f"{self.source}: no good row, {self.count:,} bad; the first at {self.first}"
            )
        return (f"bad rows skipped: {self.count:,}; the first at {self.first}",)
