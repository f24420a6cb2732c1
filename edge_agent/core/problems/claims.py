"""Sentences about claims of sites: why one was refused or withdrawn, and the command ``unclaim``."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

CLAIMS: Sentences = {
    "claim-site-unknown": (
        "the list of the fleet has no site {site}",
        "danh sách điểm không có {site}",
    ),
    "claim-ward-differs": (
        "site {site} belongs to ward {ward}, not to {claimed}",
        "điểm {site} thuộc phường {ward}, không thuộc phường {claimed}",
    ),
    "claim-site-taken": (
        "site {site} has another box: {serial}",
        "điểm {site} đã có thiết bị khác: {serial}",
    ),
    "claim-site-has-certificate": (
        "site {site} has a gateway that was set up in the workshop",
        "điểm {site} đã có thiết bị được chuẩn bị từ trước tại xưởng",
    ),
    "claim-box-elsewhere": (
        "this box already stands at site {site}",
        "thiết bị này đang được gán cho điểm {site}",
    ),
    "claim-box-unknown": (
        "{serial} is not in the list of boxes",
        "thiết bị {serial} không có trong danh sách thiết bị",
    ),
    "claim-key-differs": (
        "{serial} signs with another key than the list or its earlier claim: another box pretends to be it",
        "thiết bị {serial} ký bằng khóa khác với khóa đã biết: có thể một thiết bị khác đang mạo danh",
    ),
    "claim-request-wrong": (
        "the certificate request is not one for {site} alone: {why}",
        "yêu cầu cấp chứng thư không phải cho riêng điểm {site}: {why}",
    ),
    "claim-by-hand": ("refused by the operator: {why}", "người vận hành từ chối: {why}"),
    "claim-withdrawn-by": (
        "withdrawn with the key {key}: {why}",
        "việc nhận điểm đã bị hủy (khóa {key}): {why}",
    ),
    "claim-withdrawn-why": ("reason: {why}", "lý do: {why}"),
    "claim-moved": (
        "the box now claims site {site}",
        "thiết bị đã chuyển sang nhận điểm {site}",
    ),
    "unclaim-not-handled": (
        "no program handles the request on this gateway: edge-agent-unclaim.path does not run",
        "thiết bị không có chương trình nhận yêu cầu: edge-agent-unclaim.path không chạy",
    ),
    "unclaim-refused": (
        "the box does not give up the site: {why}",
        "thiết bị không hủy việc nhận điểm: {why}",
    ),
    "unclaim-begins": (
        "the box gives up the site; its events stay apart on the box",
        "thiết bị đang hủy việc nhận điểm; các sự kiện của điểm được giữ riêng trên thiết bị",
    ),
}
