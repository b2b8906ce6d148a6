"""Reading files compressed by Zstandard."""

import io
from typing import IO, Any

from dougong.errors import UserError

CHUNK = 1 << 17


def decompressed(file: IO[bytes]) -> IO[bytes]:
    """What a compressed file holds.

    Raises:
        UserError: the package that reads it is not installed.
    """
    try:
        import zstandard
    except ImportError:
        raise UserError(
            f"{getattr(file, 'name', file)}: zstandard reads it, which is not installed: pip install dougong[zstd]"
        ) from None
    return io.BufferedReader(_Frames(file, zstandard), CHUNK)


class _Frames(io.RawIOBase):
    """The frames of a file, one after the other. zstandard's own reader takes a file that breaks off for whole."""

    def __init__(self, file: IO[bytes], zstandard: Any) -> None:
        self._file = file
        self._begin = zstandard.ZstdDecompressor().decompressobj
        self._failure = zstandard.ZstdError
        self._frame: Any = None
        self._given = b""
        self._held = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes.

        Raises:
            EOFError: the file is damaged, or ends within a frame.
        """
        while not self._held:
            self._given = self._given or self._file.read(CHUNK)
            if not self._given:
                if self._frame is not None:
                    raise EOFError("the compressed file ended before its end-of-stream marker was reached")
                return 0
            self._held = memoryview(self._decompress())
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size

    def _decompress(self) -> bytes:
        self._frame = self._frame or self._begin()
        try:
            found: bytes = self._frame.decompress(self._given)
        except self._failure as error:
            raise EOFError(str(error)) from error
        self._given = b""
        if self._frame.eof:
            self._given, self._frame = self._frame.unused_data, None
        return found
