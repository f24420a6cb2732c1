#!/bin/sh
# Lets programs of this x86_64 machine work in the root of an arm64 image, where they need no emulation. A
# program that is emulated needs eight times as much processor time. As root, in a mount namespace of its own.
#
# native.sh programs ROOT   /run/native/bin and the libraries: for scripts that find programs by PATH; and
#                           /run/native/python for modules of Ansible
# native.sh shells ROOT     also interpreters, what mkinitramfs, which sets PATH, runs hundreds of times, and nft,
#                           which does not run emulated; once dpkg has installed them
# native.sh remove ROOT     all of it again
#
# Only programs whose result is the same on every architecture, and none that says which one it is (uname,
# dpkg) or that an initial RAM disk contains.
set -eu
step=$1 root=$2
libraries=$root/usr/lib/x86_64-linux-gnu loader=$root/usr/lib64
programs="basename cat chmod chown cmp cp cut date dd depmod dirname dpkg-deb dpkg-split env expr
    find grep gzip head ln ls mkdir mktemp mv openssl perl readlink realpath rm rmdir sed sleep sort stat tail
    tar tee touch tr uniq wc xargs xz zstd"
shells="basename bash cat cp dash dirname find grep gzip ln mkdir nft perl readlink rm sed sort touch"

borrow() { mount --bind -o ro "$1" "$2"; }

case $step in
programs)
    mkdir -p "$root/run/native/bin" "$root/run/native/usr" "$libraries" "$loader"
    ln -s usr/lib64 "$root/lib64"
    borrow /usr "$root/run/native/usr"
    : >"$loader/ld-linux-x86-64.so.2"
    borrow /usr/lib64/ld-linux-x86-64.so.2 "$loader/ld-linux-x86-64.so.2"
    # One folder deeper, where ld.so looks, too: mkinitramfs copies what /usr/lib/*/liblzma.so.5 and the like match.
    mount -t tmpfs tmpfs "$libraries"
    mkdir -p "$libraries/glibc-hwcaps/x86-64-v2" "$libraries/perl-base"
    borrow /usr/lib/x86_64-linux-gnu "$libraries/glibc-hwcaps/x86-64-v2"
    # Not the larger Perl: the root has only half of it.
    borrow /usr/lib/x86_64-linux-gnu/perl-base "$libraries/perl-base"
    # -S: without this machine's Python packages. For apt Ansible then starts the root's own Python.
    printf '#!/bin/sh\nexec /run/native/usr/bin/python3 -S "$@"\n' >"$root/run/native/python"
    chmod 755 "$root/run/native/python"
    for program in $programs; do
        for folder in bin sbin; do
            [ ! -x "/usr/$folder/$program" ] || ln -sf "../usr/$folder/$program" "$root/run/native/bin/$program"
        done
    done
    ;;
shells)
    for program in $shells; do
        for path in "/usr/bin/$program" "/usr/sbin/$program"; do
            [ ! -x "$path" ] || [ ! -e "$root$path" ] || borrow "$path" "$root$path"
        done
    done
    ;;
remove)
    for program in $shells; do
        for path in "$root/usr/bin/$program" "$root/usr/sbin/$program"; do
            ! mountpoint -q "$path" || umount "$path"
        done
    done
    umount -R "$loader/ld-linux-x86-64.so.2" "$libraries" "$root/run/native/usr"
    rmdir "$libraries" "$root/run/native/usr"
    rm -r "$loader" "$root/lib64" "$root/run/native"
    ;;
esac
