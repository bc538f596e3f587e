// SPDX-License-Identifier: MIT
#include "backend/uring/probe.hpp"

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

namespace motet {
namespace {

struct need {
  unsigned bit;
  const char* name;
};

constexpr need features[] = {
    {IORING_FEAT_NODROP, "NODROP"},       {IORING_FEAT_SUBMIT_STABLE, "SUBMIT_STABLE"},
    {IORING_FEAT_FAST_POLL, "FAST_POLL"}, {IORING_FEAT_RW_CUR_POS, "RW_CUR_POS"},
    {IORING_FEAT_EXT_ARG, "EXT_ARG"},     {IORING_FEAT_CQE_SKIP, "CQE_SKIP"},
};

constexpr need operations[] = {
    {IORING_OP_READ, "READ"},       {IORING_OP_POLL_ADD, "POLL_ADD"},
    {IORING_OP_ACCEPT, "ACCEPT"},   {IORING_OP_CONNECT, "CONNECT"},
    {IORING_OP_RECV, "RECV"},       {IORING_OP_SEND, "SEND"},
    {IORING_OP_SENDMSG, "SENDMSG"}, {IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL"},
};

[[noreturn]] void refuse(const char* kind, const char* name) {
  throw std::system_error(ENOSYS, std::system_category(),
                          std::string("asking io_uring for ") + kind + name);
}

struct free_probe {
  void operator()(io_uring_probe* probe) const noexcept { io_uring_free_probe(probe); }
};

}  // namespace

void require_features(unsigned present) {
  for (const need& feature : features)
    if ((present & feature.bit) == 0) refuse("IORING_FEAT_", feature.name);
}

void require_operations(io_uring& ring) {
  const std::unique_ptr<io_uring_probe, free_probe> probe(io_uring_get_probe_ring(&ring));
  if (probe == nullptr) refuse("IORING_REGISTER_", "PROBE");
  for (const need& operation : operations)
    if (io_uring_opcode_supported(probe.get(), static_cast<int>(operation.bit)) == 0)
      refuse("IORING_OP_", operation.name);
}

}  // namespace motet
