#!/bin/sh
# What upstream's test/images/agnhost/Dockerfile does to users and groups, to the root directory $1.
set -eu
echo 'user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh' >>"$1"/etc/passwd
echo 'user-defined-in-image:x:1000:' >>"$1"/etc/group
echo 'group-defined-in-image:x:50000:user-defined-in-image' >>"$1"/etc/group
rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/usr/share/locale/* "$1"/var/lib/apt/lists/* "$1"/var/log/*
