// SPDX-License-Identifier: MIT
#include "backend/uring/prepare.hpp"

#include "backend/posix/on_disk.hpp"
#include "backend/posix/requests.hpp"
#include "backend/uring/buffer_ring.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>

#include <sys/socket.h>

namespace motet {
namespace {

int wait_all(transfer amount) noexcept {
  return amount == transfer::whole ? MSG_WAITALL : 0;
}

void prepare_one(const accept_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  io_uring_prep_accept(&entry, ask.fd, nullptr, nullptr, SOCK_CLOEXEC);
}

void prepare_one(const connect_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  io_uring_prep_connect(&entry, ask.fd, ask.address, ask.length);
}

void prepare_one(const receive_request& ask, std::size_t done,
                 io_uring_sqe& entry) noexcept {
  const std::size_t size = std::min(ask.into.size(), most_bytes) - done;
  io_uring_prep_recv(&entry, ask.fd, ask.into.data() + done, size, wait_all(ask.amount));
}

void prepare_one(const send_request& ask, std::size_t done,
                 io_uring_sqe& entry) noexcept {
  const std::size_t size = std::min(ask.from.size(), most_bytes) - done;
  io_uring_prep_send(&entry, ask.fd, ask.from.data() + done, size,
                     MSG_NOSIGNAL | wait_all(ask.amount));
}

void prepare_one(const send_message_request& ask, std::size_t,
                 io_uring_sqe& entry) noexcept {
  io_uring_prep_sendmsg(&entry, ask.fd, ask.message, MSG_NOSIGNAL);
}

void prepare_one(const receive_message_request& ask, std::size_t,
                 io_uring_sqe& entry) noexcept {
  io_uring_prep_recvmsg(&entry, ask.fd, ask.message, MSG_CMSG_CLOEXEC);
}

void prepare_one(const poll_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  io_uring_prep_poll_add(&entry, ask.fd, static_cast<std::uint16_t>(ask.events));
}

void prepare_one(const read_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  const auto size = static_cast<unsigned>(std::min(ask.into.size(), most_bytes));
  io_uring_prep_read(&entry, ask.fd, ask.into.data(), size,
                     static_cast<std::uint64_t>(ask.offset));
}

void prepare_one(const write_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  const auto size = static_cast<unsigned>(std::min(ask.from.size(), most_bytes));
  io_uring_prep_write(&entry, ask.fd, ask.from.data(), size,
                      static_cast<std::uint64_t>(ask.offset));
}

void prepare_one(const read_pieces_request& ask, std::size_t,
                 io_uring_sqe& entry) noexcept {
  io_uring_prep_readv(&entry, ask.fd, ask.into.data(),
                      static_cast<unsigned>(ask.into.size()),
                      static_cast<std::uint64_t>(ask.offset));
}

void prepare_one(const write_pieces_request& ask, std::size_t,
                 io_uring_sqe& entry) noexcept {
  io_uring_prep_writev(&entry, ask.fd, ask.from.data(),
                       static_cast<unsigned>(ask.from.size()),
                       static_cast<std::uint64_t>(ask.offset));
}

void prepare_one(const open_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  io_uring_prep_openat(&entry, ask.fd, ask.path, flags_of(ask),
                       static_cast<mode_t>(ask.mode));
}

void prepare_one(const stat_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  io_uring_prep_statx(&entry, ask.fd, ask.path, ask.flags,
                      STATX_BASIC_STATS | STATX_BTIME, ask.into);
}

void prepare_one(const sync_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  io_uring_prep_fsync(&entry, ask.fd, ask.data_only ? IORING_FSYNC_DATASYNC : 0U);
}

void prepare_one(const truncate_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  io_uring_prep_rw(op_ftruncate, &entry, ask.fd, nullptr, 0,
                   static_cast<std::uint64_t>(ask.size));
}

void prepare_one(const rename_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  io_uring_prep_renameat(&entry, ask.fd, ask.from, ask.fd, ask.to, 0);
}

void prepare_one(const remove_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  io_uring_prep_unlinkat(&entry, ask.fd, ask.path, ask.is_directory ? AT_REMOVEDIR : 0);
}

void prepare_one(const make_directory_request& ask, std::size_t,
                 io_uring_sqe& entry) noexcept {
  io_uring_prep_mkdirat(&entry, ask.fd, ask.path, static_cast<mode_t>(ask.mode));
}

void prepare_one(const list_request&, std::size_t, io_uring_sqe& entry) noexcept {
  entry.opcode = op_not_there;
}

/// The ring would have a thread wait for the other side, for each of them.
void prepare_one(const splice_request&, std::size_t, io_uring_sqe& entry) noexcept {
  entry.opcode = op_not_there;
}

void prepare_one(const next_request& ask, std::size_t, io_uring_sqe& entry) noexcept {
  if (ask.kind == multishot_kind::accept) {
    io_uring_prep_multishot_accept(&entry, ask.fd, nullptr, nullptr, SOCK_CLOEXEC);
  } else {
    io_uring_prep_recv_multishot(&entry, ask.fd, nullptr, 0, 0);
    entry.flags |= IOSQE_BUFFER_SELECT;
    entry.buf_group = buffer_ring::group;
  }
}

/// Told by the end of what it ends.
void prepare_one(const end_request&, std::size_t, io_uring_sqe& entry) noexcept {
  entry.opcode = op_not_there;
}

io_uring_op opcode_of(const request& what) noexcept {
  io_uring_sqe entry{};
  prepare(operation{what}, entry);
  return static_cast<io_uring_op>(entry.opcode);
}

template <std::size_t... Index>
std::uint32_t bits_of(opcode_set operations, std::index_sequence<Index...>) noexcept {
  return ((operations.contains(opcode_of(request(std::in_place_index<Index>)))
               ? 1U << Index
               : 0U) |
          ...);
}

}  // namespace

void prepare(const operation& op, io_uring_sqe& entry) noexcept {
  const auto done = static_cast<std::size_t>(op.result);
  std::visit([&](const auto& ask) { prepare_one(ask, done, entry); }, op.what);
}

void prepare_readiness(const operation& op, io_uring_sqe& entry) noexcept {
  const readiness awaited = awaited_by(op.what);
  io_uring_prep_poll_add(&entry, awaited.fd, static_cast<std::uint16_t>(awaited.events));
}

std::uint32_t requests_made_of(opcode_set operations) noexcept {
  constexpr std::size_t count = std::variant_size_v<request>;
  operations.add(op_not_there);
  return bits_of(operations, std::make_index_sequence<count>());
}

}  // namespace motet
