"""Raise at a bad row or image, or skip and count it (data.on_bad_row)."""

from typing import Literal

from fer.common.errors import InputError

OnBadRow = Literal["raise", "skip"]


class BadRows:
    """Raises at the first bad row, or counts bad rows for a note.

    policy: raise or skip
    source: the file or folder that is read, which opens each message
    """

    def __init__(self, policy: OnBadRow, source: object) -> None:
        self.policy, self.source = policy, source
        self.count, self.first = 0, ""

    def add(self, place: str, fault: ValueError) -> None:
        """Count a bad row. Raises InputError if the policy is to raise.

        place: continues the source in a message, such as ` line 17` or `/happy/3.png`
        """
        if self.policy == "raise":
            raise InputError(f"{self.source}{place}: {fault}")
        self.count += 1
        self.first = self.first or f"{place.strip(' /')}: {fault}"

    def notes(self, read: int) -> tuple[str, ...]:
        """The sentence for `Faces.notes`, if there were bad rows.

        read: number of good rows

        Raises InputError if no row is good.
        """
        if not self.count:
            return ()
        if not read:
            raise InputError(
                f"{self.source}: no good row, {self.count:,} bad; the first at {self.first}"
            )
        return (f"bad rows skipped: {self.count:,}; the first at {self.first}",)
