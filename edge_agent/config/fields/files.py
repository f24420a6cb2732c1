"""Files that a configuration names: where they are looked for, and what is read of them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.texts.messages import message, phrase

MAX_SECRET_BYTES = 4096


class FileRefused(Exception):
    """A named file cannot be used; the message says why, never what is in it."""


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """Looks up the files of one configuration."""

    base: Path  # directory of the configuration file
    credentials: Path | None  # systemd's $CREDENTIALS_DIRECTORY
    required: bool = True  # False: a copy is checked elsewhere, where the files are not
    confined: bool = False
    """Passwords only from ``base`` and ``credentials``: the configuration came from elsewhere, root may be
    who reads it, and the password of a camera is sent to an address that stands in it."""

    def resolve(self, name: str) -> Path:
        """Absolute as it is; relative in systemd's credentials first, then beside the configuration.

        A folder that the unit names, ``LoadCredential=credentials:/etc/...``, arrives as one flat file for
        each of its own: ``credentials/cam-1`` is ``credentials_cam-1`` (systemd.exec(5)).
        """
        path = Path(name)
        if not path.is_absolute() and self.credentials is not None:
            for credential in (self.credentials / path, self.credentials / "_".join(path.parts)):
                if os.path.exists(credential):  # unlike Path.exists, false for a name that is too long
                    return credential
        return self.base / path

    def _beside(self, path: Path) -> bool:
        return Path(os.path.normpath(path)).is_relative_to(os.path.normpath(self.base))

    def is_credential(self, path: Path) -> bool:
        return self.credentials is not None and path.is_relative_to(self.credentials)

    def readable(self, name: str) -> Path:
        """The resolved path of a file that can be opened; raises FileRefused."""
        path = self.resolve(name)
        if self.required:
            self._read(path, 1)
        return path

    def contents(self, name: str, most: int) -> bytes:
        """What the resolved file holds, which is at most so many bytes; raises FileRefused."""
        path = self.resolve(name)
        data = self._read(path, most + 1)
        if len(data) > most:
            raise FileRefused(f"{path} is larger than {most} bytes")
        return data

    def secret(self, name: str) -> str:
        """The one line a password file holds, without its newline; raises FileRefused."""
        if not self.required:
            return ""
        path = self.resolve(name)
        if self.confined and not (self._beside(path) or self.is_credential(path)):
            raise FileRefused(
                f"{path} is not below {self.base}: what was pushed takes passwords from there only"
            )
        data = self._read(path, MAX_SECRET_BYTES + 1)
        if len(data) > MAX_SECRET_BYTES:
            raise FileRefused(f"{path} is larger than {MAX_SECRET_BYTES} bytes: not a password file")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise FileRefused(f"{path} is not UTF-8 text") from None  # the cause quotes its bytes
        text = text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
        if not text:
            raise FileRefused(message("empty-password", path=path))
        if "\n" in text or "\0" in text:
            raise FileRefused(message("two-lines", path=path))
        return text

    def world_readable(self, name: str) -> Path | None:
        """The path when every user of the box can read it."""
        path = self.resolve(name)
        if not self.required or self.is_credential(path):
            return None
        try:
            mode = path.stat().st_mode
        except OSError:
            return None
        return path if mode & stat.S_IROTH else None

    def _read(self, path: Path, size: int) -> bytes:
        try:
            # Non-blocking: a FIFO by mistake must not hang the check.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise FileRefused(message("file-unread", path=path, reason=reason(error))) from error
        except ValueError:
            raise FileRefused("not a file name") from None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileRefused(message("not-regular", path=path))
            return os.read(descriptor, size)
        except OSError as error:
            raise FileRefused(message("file-unread", path=path, reason=reason(error))) from error
        finally:
            os.close(descriptor)


def reason(error: OSError) -> str:
    """``no such file``, ``permission denied``: the system's word, lower case."""
    return phrase((error.strerror or type(error).__name__).lower().removesuffix(" or directory"))
