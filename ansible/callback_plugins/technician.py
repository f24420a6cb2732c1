"""Prints a commissioning as a technician reads it: a line for each phase, and last, alone, the verdict.

The verdict has the words of ``edge-agent doctor``. A fault of Ansible itself is one sentence with what to do.
Everything that Ansible would print goes to a log file.
"""

from __future__ import annotations

import atexit
import os
import re
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from ansible.plugins.callback.default import CallbackModule as DefaultCallback

DOCUMENTATION = """
    name: technician
    type: stdout
    short_description: prints a commissioning for the technician at the site
    description:
        - Prints one line for each phase of commission.yml, and the verdict last. The rest is in a log file.
        - With -v, and for other playbooks, it prints what the default callback prints.
        - The environment variable TECHNICIAN_LOGS names another folder for the log files.
    extends_documentation_fragment:
      - default_callback
      - result_format_callback
    requirements:
      - set as stdout in configuration
"""

FORMER_NAME = "site.yml"
PLAYBOOKS = ("commission.yml", FORMER_NAME)
VERDICT_TASK = "The verdict"
"""Its message is the verdict: what to do, then the sentence."""
KEPT_LOGS = 20

PHASE_OF_ROLE = {"pki": "certificate", "edge_agent": "configure"}
PHASES = ("connect", "certificate", "configure", "examine")
WORDS = {
    "en": {
        "renamed": "site.yml is now called commission.yml; the next release no longer has site.yml.",
        "connect": "Connect to the gateway",
        "certificate": "Check the certificate",
        "configure": "Configure the site and start the software",
        "examine": "Examine the site, which can take a minute",
        "report": "Report: {path}",
        "log": "Full log: {path}",
        "no-hosts": "No site is to be commissioned: is the id after -l in the sheet? Then run: python3 -m"
        " fleet build inventory/sites.csv",
        "ended": "It ended without a verdict. The full log says why; run it again with -v to see every step.",
    },
    "vi": {
        "renamed": "site.yml nay có tên là commission.yml; bản sau sẽ không còn site.yml.",
        "connect": "Kết nối với thiết bị",
        "certificate": "Kiểm tra chứng thư",
        "configure": "Ghi cấu hình điểm và khởi động phần mềm",
        "examine": "Kiểm tra điểm, có thể mất một phút",
        "report": "Biên bản: {path}",
        "log": "Nhật ký đầy đủ: {path}",
        "no-hosts": "Không có điểm nào để nghiệm thu: xem mã điểm sau -l đã có trong danh sách điểm chưa,"
        " sau đó chạy: python3 -m fleet build inventory/sites.csv",
        "ended": "Chưa có kết luận. Xem lý do trong nhật ký đầy đủ; chạy lại với -v để xem từng bước.",
    },
}


@dataclass(frozen=True)
class Fault:
    """A fault of Ansible, and what a technician reads. ``{host}``, ``{task}`` and ``{why}`` are filled in."""

    pattern: str  # of Ansible's text
    en: str
    vi: str

    def said(self, lang: str, **values: str) -> str:
        return (self.vi if lang == "vi" else self.en).format(**values)


FAULTS = (
    Fault(
        r"Syntax error in template",
        "A password or another variable has {{{{, {{% or {{# in it: write !unsafe before its quotation "
        'marks, as in cam-1: !unsafe "a{{#b". The full log says in which line.',
        "Có mật khẩu hoặc biến khác chứa {{{{, {{% hay {{#: ghi !unsafe trước dấu ngoặc kép, ví dụ "
        'cam-1: !unsafe "a{{#b". Số dòng có trong nhật ký đầy đủ.',
    ),
    Fault(
        r"no vault secrets found",
        "The vault's password is missing: run it again with --ask-vault-pass.",
        "Thiếu mật khẩu vault: chạy lại với --ask-vault-pass.",
    ),
    Fault(
        r"Decryption failed",
        "The vault's password is wrong: run it again and type the right one.",
        "Sai mật khẩu vault: chạy lại và nhập đúng mật khẩu.",
    ),
    Fault(
        r"Host key verification failed|HOST IDENTIFICATION HAS CHANGED|No \S+ host key is known",
        "{host} shows another host key than the recorded one, or none is recorded: is it the right "
        "gateway? Then run python3 -m fleet host-key {host}, with --replace for a new card or box.",
        "Khóa máy của {host} chưa được ghi lại hoặc khác khóa đã ghi: có đúng thiết bị này không? Nếu "
        "đúng thì chạy python3 -m fleet host-key {host}, thêm --replace nếu vừa ghi lại thẻ nhớ hoặc thay"
        " thiết bị.",
    ),
    Fault(
        r"Permission denied \(publickey|Too many authentication failures",
        "{host} does not accept this ssh key: offer the key of base_admin_keys, and check the user.",
        "{host} không chấp nhận khóa ssh này: dùng khóa đã ghi trong base_admin_keys và kiểm tra tên "
        "tài khoản.",
    ),
    Fault(
        r"Missing sudo password|sudo: a password is required|password is required to run sudo|"
        r"waiting for privilege escalation prompt|sudo: a terminal is required",
        "The user at {host} needs a password for sudo: run it again with -K.",
        "Tài khoản trên {host} cần mật khẩu sudo: chạy lại với -K.",
    ),
    Fault(
        r"Incorrect sudo password|sudo: \d+ incorrect password|Duplicate become password prompt",
        "The password for sudo at {host} is wrong: run it again with -K and type the right one.",
        "Sai mật khẩu sudo trên {host}: chạy lại với -K và nhập đúng mật khẩu.",
    ),
    Fault(
        r"not in the sudoers|may not run sudo|sudo: (not found|command not found)",
        "The user may not use sudo at {host}: run prepare.yml with the user of the image, then use the "
        "user fleet.",
        "Tài khoản này không được dùng sudo trên {host}: chạy prepare.yml bằng tài khoản đã đặt khi ghi thẻ "
        "nhớ, sau đó dùng tài khoản fleet.",
    ),
    Fault(
        r"No space left on device|Disk quota exceeded",
        "The card of {host} is full: make room or put in a larger card, then run it again.",
        "Thẻ nhớ của {host} đã hết chỗ trống: xóa bớt dữ liệu hoặc thay bằng thẻ nhớ lớn hơn, rồi chạy lại.",
    ),
    Fault(
        r"Read-only file system",
        "The card of {host} is read-only, which a worn-out card becomes: replace it.",
        "Thẻ nhớ của {host} đang ở chế độ chỉ đọc, thường do thẻ đã hỏng: thay thẻ nhớ.",
    ),
)
UNREACHABLE = Fault(
    "",
    "{host} is not reached: check power, network and ssh_host in the sheet, then run it again.",
    "Không kết nối được với {host}: kiểm tra nguồn điện, mạng và ssh_host trong danh sách điểm, rồi "
    "chạy lại.",
)
REFUSED = Fault("", "{host}: {why}", "{host}: {why}")
"""Of a task that only checks: its message says what to do."""
FAILED = Fault(
    "",
    "{host}: the step “{task}” failed: {why}",
    "{host}: bước “{task}” bị lỗi: {why}",
)


def fault_of(text: str, otherwise: Fault) -> Fault:
    """Find the fault that Ansible's text describes."""
    return next((each for each in FAULTS if re.search(each.pattern, text, re.IGNORECASE)), otherwise)


def reason_of(result: dict[str, Any]) -> str:
    """Return the first line of what a failed task says, without its log."""
    texts = [result.get("msg"), result.get("stderr"), result.get("module_stderr"), result.get("stdout")]
    said = [str(each).strip() for each in texts if each and str(each).strip()]
    # The message of a command that fails says only that it failed.
    text = next((each for each in said if not each.lower().startswith("non-zero return code")), "?")
    return text.splitlines()[0][:400]


@dataclass
class Commissioning:
    """What a run has shown so far."""

    lang: str = "vi"
    phase: str = ""
    verdicts: dict[str, list[str]] = field(default_factory=dict)  # lines, by host
    faults: dict[str, str] = field(default_factory=dict)  # a sentence, by host
    reports: list[str] = field(default_factory=list)
    error: str = ""  # the last error of Ansible that belongs to no host

    def say(self, key: str, **values: str) -> str:
        return WORDS[self.lang][key].format(**values)

    def ending(self, hosts: set[str] | None, log: str) -> list[str]:
        """The lines that are printed last. ``hosts``: those that failed, as Ansible counts; None: unknown."""
        files = [self.say("report", path=path) for path in self.reports] + [self.say("log", path=log)]
        said = list(self.verdicts.values())
        said += [
            [sentence]
            for host, sentence in self.faults.items()
            if host not in self.verdicts and (hosts is None or host in hosts)
        ]
        if not said:
            fault = fault_of(self.error, FAILED)
            said = [[self.say("ended") if fault is FAILED else fault.said(self.lang, host="?")]]
        return ["", *files, *(line for each in said for line in ("", *each))]


def language_of(playbook: Any) -> str:
    """``site_language`` of the command line, else of the first play; no vault is opened for it."""
    for play in playbook.get_plays():
        given = play.get_variable_manager().extra_vars.get("site_language")
        language = given or play.vars.get("site_language")
        if language in WORDS:
            return str(language)
    return "vi"


def new_log(folder: Path, name: str, now: datetime) -> tuple[Path, TextIO]:
    """Open a log that only this user may read, and delete the oldest. Falls back to a temporary folder."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        old = sorted(folder.glob(f"{name}-*.log"))
        for each in old[: max(0, len(old) - KEPT_LOGS + 1)]:
            each.unlink(missing_ok=True)
        path = folder / f"{name}-{now:%Y%m%d-%H%M%S}-{os.getpid()}.log"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        handle, temporary = tempfile.mkstemp(prefix=f"{name}-", suffix=".log")
        path = Path(temporary)
    return path, os.fdopen(handle, "w", encoding="utf-8", buffering=1)


class CallbackModule(DefaultCallback):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "technician"

    def __init__(self) -> None:
        super().__init__()
        self._run: Commissioning | None = None
        self._ended = False
        self._log_path = Path()
        self._process = os.getpid()

    # --- the run ---

    def v2_playbook_on_start(self, playbook: Any) -> None:
        name = Path(playbook._file_name)
        if name.name in PLAYBOOKS and self._display.verbosity == 0:
            self._run = Commissioning(language_of(playbook))
            folder = Path(os.environ.get("TECHNICIAN_LOGS") or name.resolve().parent / "logs")
            self._log_path, self._log = new_log(folder, "commission", datetime.now())
            self._print = self._display.display
            # Every line of Ansible passes through this method, those of its workers too.
            self._display.display = self._to_log
            atexit.register(self._end, None)
            if name.name == FORMER_NAME:
                self._print(self._run.say("renamed"))
        super().v2_playbook_on_start(playbook)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        if self._run is not None:
            self._begin_phase(task)
        super().v2_playbook_on_task_start(task, is_conditional)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        if self._run is not None:
            self._begin_phase(task)
        super().v2_playbook_on_handler_task_start(task)

    def v2_playbook_on_no_hosts_matched(self) -> None:
        if self._run is not None:
            self._run.faults["?"] = self._run.say("no-hosts")
        super().v2_playbook_on_no_hosts_matched()

    def v2_playbook_on_stats(self, stats: Any) -> None:
        super().v2_playbook_on_stats(stats)
        self._end({*stats.failures, *stats.dark, "?"})

    # --- one task at one host ---

    def v2_runner_on_ok(self, result: Any) -> None:
        if self._run is not None:
            if result.task.get_name().endswith(VERDICT_TASK):
                self._run.verdicts[result.host.get_name()] = [
                    str(line) for line in result.result.get("msg", [])
                ]
            if result.task.action.endswith("fetch") and result.result.get("dest"):
                self._run.reports.append(str(result.result["dest"]))
        super().v2_runner_on_ok(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if self._run is not None and not ignore_errors:
            checks = result.task.action.rpartition(".")[2] in ("assert", "fail")
            self._note(result, REFUSED if checks else FAILED)
        super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        if self._run is not None:
            self._note(result, UNREACHABLE)
        super().v2_runner_on_unreachable(result)

    # --- what is printed ---

    def _begin_phase(self, task: Any) -> None:
        assert self._run is not None
        role = task._role.get_name().rpartition(".")[2] if task._role else None
        phase = PHASE_OF_ROLE.get(role or "", "examine" if "verdict" in task.tags else "")
        phase = phase or ("certificate" if "certificates" in task.tags else self._run.phase or "connect")
        if PHASES.index(phase) > (PHASES.index(self._run.phase) if self._run.phase else -1):
            self._run.phase = phase
            number = f"{PHASES.index(phase) + 1}/{len(PHASES)}"
            self._print(f"{number}  {self._run.say(phase)} ...")

    def _note(self, result: Any, otherwise: Fault) -> None:
        assert self._run is not None
        host, values = result.host.get_name(), dict(result.result)
        text = " ".join(
            str(values.get(key, "")) for key in ("msg", "stderr", "module_stderr", "module_stdout")
        )
        fault = fault_of(text, otherwise)
        task = result.task.get_name().rpartition(" : ")[2]
        why = reason_of(values)
        named = fault is REFUSED and why.startswith(host)
        said = why if named else fault.said(self._run.lang, host=host, task=task, why=why)
        self._run.faults[host] = said

    def _to_log(self, msg: Any, *_: Any, stderr: bool = False, **__: Any) -> None:
        self._log.write(f"{msg}\n")
        if stderr and self._run is not None and str(msg).lstrip().startswith(("[ERROR]", "ERROR")):
            self._run.error = str(msg)

    def _end(self, hosts: set[str] | None) -> None:
        """Print the ending once. ``atexit`` calls it as well, for a run that Ansible gave up."""
        if self._run is None or self._ended or os.getpid() != self._process:
            return
        self._ended = True
        for line in self._run.ending(hosts, str(self._log_path)):
            self._print(line)
