#!/bin/sh
# Gets what `make run` needs beside Python: Debian's mosquitto, and a real clip with people walking.
# Everything else than mosquitto stays in .cache/. Says what it does; does nothing the second time.
set -eu
cache=.cache
clip="$cache/vtest.avi"
mkdir -p "$cache"
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo

installed() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }

apt_lists() {
    # A fresh machine has no package lists.
    [ -n "$(apt-cache policy "$1" 2>/dev/null | grep Candidate)" ] || $sudo apt-get update -qq
}

install_mosquitto() {
    command -v apt-get >/dev/null || return 1
    echo "Installing the Debian package mosquitto (MQTT broker); it is not started as a service."
    apt_lists mosquitto || return 1
    policy=/usr/sbin/policy-rc.d made=""
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null && $sudo chmod +x "$policy" && made=1
    fi
    status=0
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends mosquitto \
        >"$cache/apt.log" 2>&1 || status=1
    [ -z "$made" ] || $sudo rm -f "$policy"
    return $status
}

fetch_clip() {
    command -v apt-get >/dev/null || return 1
    echo "Fetching the clip vtest.avi out of Debian's package opencv-doc (98 MB, once)."
    apt_lists opencv-doc || return 1
    rm -rf "$cache/deb" && mkdir -p "$cache/deb"
    (cd "$cache/deb" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download opencv-doc >/dev/null) || return 1
    dpkg-deb --fsys-tarfile "$cache"/deb/opencv-doc_*.deb |
        tar -x -O ./usr/share/doc/opencv-doc/examples/data/vtest.avi >"$clip.part" || return 1
    mv "$clip.part" "$clip"
    rm -rf "$cache/deb"
}

installed mosquitto || install_mosquitto ||
    echo "mosquitto could not be installed here: the events are shown from the outbox instead."
if [ -z "${CLIP:-}" ] && [ ! -s "$clip" ]; then
    fetch_clip || { echo "The clip could not be fetched. Give one yourself: make run CLIP=file-or-url" >&2; exit 1; }
fi
