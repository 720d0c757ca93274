#!/bin/sh
# What kind's images/base/Dockerfile does to Debian, to the root directory $1: no unit starts but those that a
# node needs, and systemd is init.
set -eu
systemd=$1/usr/lib/systemd/system
rm -f "$systemd"/sysinit.target.wants/systemd-tmpfiles-setup.service "$systemd"/multi-user.target.wants/* \
	"$1"/etc/systemd/system/*.wants/* "$systemd"/local-fs.target.wants/* "$systemd"/basic.target.wants/* \
	"$systemd"/sockets.target.wants/*udev* "$systemd"/sockets.target.wants/*initctl*
echo ReadKMsg=no >>"$1"/etc/systemd/journald.conf
ln -sf /usr/lib/systemd/systemd "$1"/usr/sbin/init
rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/usr/share/locale/* "$1"/var/lib/apt/lists/* "$1"/var/log/*
