// SPDX-License-Identifier: MIT
#include "backend/uring/opcodes.hpp"

#include <algorithm>
#include <string>
#include <system_error>

namespace motet {
namespace {

constexpr named_opcode avoidable[] = {
    {IORING_OP_ACCEPT, "accept"},     {IORING_OP_CONNECT, "connect"},
    {IORING_OP_RECV, "recv"},         {IORING_OP_SEND, "send"},
    {IORING_OP_SENDMSG, "sendmsg"},   {IORING_OP_RECVMSG, "recvmsg"},
    {IORING_OP_READ, "read"},         {IORING_OP_WRITE, "write"},
    {IORING_OP_READV, "readv"},       {IORING_OP_WRITEV, "writev"},
    {IORING_OP_OPENAT, "openat"},     {IORING_OP_STATX, "statx"},
    {IORING_OP_FSYNC, "fsync"},       {op_ftruncate, "ftruncate"},
    {IORING_OP_RENAMEAT, "renameat"}, {IORING_OP_UNLINKAT, "unlinkat"},
    {IORING_OP_MKDIRAT, "mkdirat"},
};

[[noreturn]] void refuse(std::string_view name) {
  std::string known;
  for (const named_opcode& each : avoidable)
    known.append(known.empty() ? "" : ", ").append(each.name);
  throw std::system_error(
      std::make_error_code(std::errc::invalid_argument),
      "MOTET_URING_WITHOUT names '" + std::string(name) + "', which is none of " + known);
}

}  // namespace

std::span<const named_opcode> avoidable_opcodes() noexcept {
  return avoidable;
}

opcode_set opcodes_named(std::string_view list) {
  opcode_set all;
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), name.size() + 1));
    const auto* const found = std::ranges::find(avoidable, name, &named_opcode::name);
    if (found == std::end(avoidable)) refuse(name);
    all.add(found->which);
  }
  return all;
}

}  // namespace motet
