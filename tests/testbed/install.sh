#!/bin/sh
# Installs the Debian packages that the tests use as real parts, if they are missing:
# a broker (mosquitto), an RTSP server (gst-rtsp-server), ffmpeg to make clips, PostgreSQL,
# promtool, systemd-analyze, D-Bus with mmcli and nmcli, chrony, SNMP, and what signs a package repository.
# With "deploy": also what `make test-deploy` boots boxes with; "image" and "packages": only what `make image` and
# `make apt-repository` need; "images": also what boots an image for arm64; "arm64": what emulates one;
# "browser": Chromium; "rabbitmq": RabbitMQ with Erlang.
set -eu
want=""
need() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed' || want="$want $1"; }

need mosquitto
need mosquitto-clients
need ffmpeg
need openssl
need openssh-client
need python3-gi
need gir1.2-gst-rtsp-server-1.0
need gstreamer1.0-plugins-base
need gstreamer1.0-plugins-good
need gstreamer1.0-plugins-bad
need systemd
need dbus-daemon
need modemmanager
need network-manager
need chrony
need snmp
need snmpd
need nftables
need postgresql
need promtool
need apt-utils
need gpg
if [ "${1:-}" = deploy ]; then
    need systemd-container
    need qemu-system-x86
    need ovmf
    need mmdebstrap
    need iproute2
fi
case "${1:-}" in packages | image | images) want="" ;; esac
case "${1:-}" in
packages)
    need apt-utils
    need gpg
    ;;
esac
case "${1:-}" in
image | images | deploy)
    need mmdebstrap
    need arch-test
    need dosfstools
    need mtools
    need fdisk
    need e2fsprogs
    need xz-utils
    need iproute2
    # Images for arm64 on another machine, with its own programs where it can: ansible/installers/native.sh.
    [ "$(dpkg --print-architecture)" = arm64 ] || need qemu-user-binfmt
    need kmod
    need nftables
    need python3
    ;;
esac
if [ "${1:-}" = images ]; then
    need qemu-system-arm
    need qemu-efi-aarch64
fi
if [ "${1:-}" = browser ]; then
    need chromium
    need dbus-daemon
fi
if [ "${1:-}" = rabbitmq ]; then
    need rabbitmq-server
fi
if [ "${1:-}" = arm64 ]; then
    need mmdebstrap
    need arch-test
    need qemu-user
    need qemu-user-binfmt
fi

[ -n "$want" ] || exit 0
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
echo "Installing Debian packages for the tests:$want"
if ! command -v apt-get >/dev/null; then
    echo "This is not a Debian system: install the equivalents of$want by hand." >&2
    exit 1
fi
# A fresh Debian starts services on installation; the tests bring their own.
policy=/usr/sbin/policy-rc.d
made_policy=""
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null && $sudo chmod +x "$policy" && made_policy=1
fi
status=0
{ $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends $want; } >/tmp/edge-agent-apt.$$ 2>&1 || status=$?
[ -z "$made_policy" ] || $sudo rm -f "$policy"
[ "$status" = 0 ] || tail -n 20 "/tmp/edge-agent-apt.$$" >&2
rm -f "/tmp/edge-agent-apt.$$"
exit "$status"
