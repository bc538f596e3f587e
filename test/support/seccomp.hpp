// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A kernel that refuses io_uring, as most containers have it.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace motet::test {

inline constexpr std::initializer_list<std::uint32_t> uring_calls = {
    SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register};

/// Makes these system calls fail with `error` in this thread, its children and what they
/// execute, for good. Needs no privilege: it takes away the right to gain some.
/// @returns 0, or an errno.
inline int refuse_calls(std::initializer_list<std::uint32_t> calls, int error) {
  std::vector<sock_filter> program;
  // The architecture is not looked at: io_uring is younger than the common numbering.
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  const auto refuse =
      SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA);
  for (const std::uint32_t call : calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, refuse));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) return errno;
  return 0;
}

}  // namespace motet::test
