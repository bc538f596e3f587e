// SPDX-License-Identifier: MIT
#include "backend/uring/probe.hpp"

#include "backend/uring/prepare.hpp"

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

#include <sys/socket.h>

namespace motet {
namespace {

constexpr named_opcode unavoidable[] = {
    {IORING_OP_POLL_ADD, "IORING_OP_POLL_ADD"},
    {IORING_OP_ASYNC_CANCEL, "IORING_OP_ASYNC_CANCEL"},
};

/// Hands over the one entry and waits for its completion. @returns its result.
std::int32_t perform_one(ring& empty) {
  while (empty.completions_ready() == 0) {
    const int entered = empty.submit_and_wait(nullptr);
    if (entered < 0 && entered != -EINTR && entered != -EAGAIN)
      throw std::system_error(-entered, std::system_category(), "io_uring_enter");
  }
  const std::int32_t result = empty.completion(0).res;
  empty.release_completions(1);
  return result;
}

std::int32_t perform(ring& empty, io_uring_op which) {
  io_uring_sqe& entry = *empty.next_entry();
  const msghdr nothing{};
  entry.opcode = static_cast<std::uint8_t>(which);
  entry.fd = -1;
  // Read even if there is nobody to send to.
  if (which == IORING_OP_SENDMSG) entry.addr = reinterpret_cast<std::uint64_t>(&nothing);
  return perform_one(empty);
}

/// Without a descriptor, what works fails with EBADF; these are for what does not exist,
/// was not built into the kernel, or is not allowed.
bool works(ring& empty, io_uring_op which) {
  const std::int32_t result = perform(empty, which);
  return result != -EINVAL && result != -EOPNOTSUPP && result != -EACCES &&
         result != -EPERM;
}

}  // namespace

opcode_set opcodes_missing(ring& empty) {
  for (const named_opcode& each : unavoidable)
    if (!works(empty, each.which))
      throw std::system_error(ENOSYS, std::system_category(),
                              "asking io_uring for " + std::string(each.name));
  opcode_set missing;
  for (const named_opcode& each : avoidable_opcodes())
    if (!works(empty, each.which)) missing.add(each.which);
  return missing;
}

bool repeats(ring& empty, multishot_kind kind) {
  prepare(operation{next_request{-1, kind, nullptr}}, *empty.next_entry());
  return perform_one(empty) == -EBADF;
}

}  // namespace motet
