/*
Copyright The Kubernetes Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package deadline

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// progress returns how many bytes the client has acknowledged, whether others
// wait for that, and if so, how long ago any were sent: that was the last time
// that the client had made room.
func progress(conn net.Conn) (acked uint64, waiting bool, since time.Duration, ok bool) {
	c, ok := raw(conn).(syscall.Conn)
	if !ok {
		return 0, false, 0, false
	}
	rc, err := c.SyscallConn()
	if err != nil {
		return 0, false, 0, false
	}
	var info *unix.TCPInfo
	controlErr := rc.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if controlErr != nil || err != nil {
		return 0, false, 0, false
	}
	if info.Unacked > 0 || info.Notsent_bytes > 0 {
		return info.Bytes_acked, true, time.Duration(info.Last_data_sent) * time.Millisecond, true
	}
	return info.Bytes_acked, false, 0, true
}
