// SPDX-License-Identifier: MIT
#include "lib/io/perform.hpp"

#include <motet/wait_ready.hpp>

#include <cerrno>
#include <cstdint>
#include <string>

#include <poll.h>

namespace motet {

namespace {

void wait_for(short events, int fd, const char* what, const char* state,
              call_site where) {
  detail::io_wait* alone = nullptr;
  std::int32_t seen = detail::perform(poll_request{fd, events}, what, alone, where);
  if (seen > 0 && (seen & POLLNVAL) != 0) seen = -EBADF;
  if (seen >= 0) return;
  detail::throw_failure(seen,
                        "wait until descriptor " + std::to_string(fd) + " is " + state);
}

}  // namespace

void wait_readable(int fd, call_site where) {
  wait_for(POLLIN, fd, "a descriptor to be readable", "readable", where);
}

void wait_writable(int fd, call_site where) {
  wait_for(POLLOUT, fd, "a descriptor to be writable", "writable", where);
}

}  // namespace motet
