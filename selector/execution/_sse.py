"""Server-sent events out of bytes, however they are cut."""

from __future__ import annotations

__all__ = ["EventReader"]


class EventReader:
    r"""Takes the bytes of an event stream and gives its events.

    Lines end with ``\n``, ``\r\n`` or ``\r`` and with nothing else: a line separator of Unicode within the data is
    data. Comments are passed over, and so is a byte-order mark.

    Examples
    --------
    >>> reader = EventReader()
    >>> reader.feed(b": ping\n\nevent: note\nda")
    []
    >>> reader.feed(b"ta: hi\n\n")
    [('note', 'hi')]
    """

    __slots__ = ("_data", "_event", "_pending", "_started")

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._event = ""
        self._data: list[str] = []
        self._started = False

    def feed(self, chunk: bytes) -> list[tuple[str, str]]:
        """Take some bytes.

        Parameters
        ----------
        chunk
            The next bytes of the stream.

        Returns
        -------
        list of tuple
            The events that are whole now: name, empty where there is none, and data.
        """
        waits = bool(self._pending) and self._pending[-1].endswith(b"\r")
        if b"\n" not in chunk and b"\r" not in chunk and not waits:
            self._pending.append(chunk)
            return []
        text = b"".join((*self._pending, chunk)) if self._pending else chunk
        if not self._started:
            self._started = True
            text = text.removeprefix(b"\xef\xbb\xbf")
        if b"\r" in text:
            # A carriage return at the very end may be half of a pair: it waits for what follows.
            kept, text = (b"\r", text[:-1]) if text.endswith(b"\r") else (b"", text)
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        else:
            kept = b""
        *lines, rest = text.split(b"\n")
        self._pending = [rest + kept] if rest or kept else []
        return self._events(lines)

    def end(self) -> list[tuple[str, str]]:
        """Tell that nothing follows, and take the event that lacks its blank line.

        Returns
        -------
        list of tuple
            At most one event.
        """
        rest = b"".join(self._pending)
        self._pending = []
        return self._events([*rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"), b""])

    def _events(self, lines: list[bytes]) -> list[tuple[str, str]]:
        found = []
        for line in lines:
            if not line:
                if self._data:
                    found.append((self._event, "\n".join(self._data)))
                    self._data = []
                self._event = ""
                continue
            name, _, value = line.partition(b":")
            if name == b"data":
                self._data.append(value.removeprefix(b" ").decode("utf-8", "replace"))
            elif name == b"event":
                self._event = value.removeprefix(b" ").decode("utf-8", "replace")
        return found
