"""Reads the files that a configuration names."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.texts.messages import message
from edge_agent.config.texts.phrases import phrase
from edge_agent.core.errors import OS_REASONS
from edge_agent.core.languages import Bilingual

MAX_SECRET_BYTES = 4096


class FileRefused(Exception):
    """A named file cannot be used. The message says why, and never quotes its content."""


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """Finds and reads the files of one configuration."""

    base: Path  # directory of the configuration file
    credentials: Path | None  # systemd's $CREDENTIALS_DIRECTORY
    required: bool = True  # False: a copy is checked on another machine, without the files
    confined: bool = False
    """For a configuration from the centre: read passwords only from ``base`` and ``credentials``. Root may
    read every file, and a camera's password is sent to an address that the configuration contains."""

    def resolve(self, name: str) -> Path:
        """Return an absolute name unchanged; look for a relative one in systemd's credentials, then beside
        the configuration.

        systemd copies a folder that the unit names, ``LoadCredential=credentials:/etc/...``, to one flat file
        for each of its files: ``credentials/cam-1`` is ``credentials_cam-1`` (systemd.exec(5)).
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
        """Return the resolved path of a file that can be opened. Raises FileRefused."""
        path = self.resolve(name)
        if self.required:
            self._read(path, 1)
        return path

    def contents(self, name: str, most: int) -> bytes:
        """Return the content of the resolved file, at most ``most`` bytes. Raises FileRefused."""
        path = self.resolve(name)
        data = self._read(path, most + 1)
        if len(data) > most:
            raise FileRefused(message("larger", path=path, bytes=most))
        return data

    def secret(self, name: str) -> str:
        """Return the one line of a password file, without its newline. Raises FileRefused."""
        if not self.required:
            return ""
        path = self.resolve(name)
        if self.confined and not (self._beside(path) or self.is_credential(path)):
            raise FileRefused(message("not-below", path=path, folder=self.base))
        data = self._read(path, MAX_SECRET_BYTES + 1)
        if len(data) > MAX_SECRET_BYTES:
            raise FileRefused(message("no-password-file", path=path, bytes=MAX_SECRET_BYTES))
        try:
            text = data.decode("utf-8-sig")  # editors of Windows begin a file with a byte order mark
        except UnicodeDecodeError:
            raise FileRefused(
                message("file-not-utf-8", path=path)
            ) from None  # the cause would quote its bytes
        text = text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
        if not text:
            raise FileRefused(message("empty-password", path=path))
        if "\n" in text or "\0" in text:
            raise FileRefused(message("two-lines", path=path))
        return text

    def world_readable(self, name: str) -> Path | None:
        """Return the path if every user of the gateway can read the file."""
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
            # Non-blocking: a FIFO, named by mistake, must not block the check.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise FileRefused(message("file-unread", path=path, reason=reason(error))) from error
        except ValueError:
            raise FileRefused(message("no-file-name")) from None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileRefused(message("not-regular", path=path))
            return os.read(descriptor, size)
        except OSError as error:
            raise FileRefused(message("file-unread", path=path, reason=reason(error))) from error
        finally:
            os.close(descriptor)


def reason(error: OSError) -> str:
    """Return the system's reason in lower case: ``no such file``, ``permission denied``."""
    english = (error.strerror or type(error).__name__).lower().removesuffix(" or directory")
    vietnamese = OS_REASONS.get(error.errno or 0)
    if error.errno in (errno.ENOENT, errno.EACCES) or vietnamese is None:
        return phrase(english)
    return Bilingual(english, vietnamese)
