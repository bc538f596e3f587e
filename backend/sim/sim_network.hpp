// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A network of stream sockets in memory, with the manners of Linux.
///
/// Every operation is attempted when it starts. What cannot finish is parked on its
/// socket; whenever something about a socket changes, its parked operations are attempted
/// again, oldest first, until nothing moves any more. There is no thread, no randomness
/// and no time: the same calls give the same results in the same order.

#include "backend/operation.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include <netinet/in.h>

namespace motet {

/// A numeric address, IPv4 or IPv6.
struct sim_address {
  sockaddr_storage bytes{};
  socklen_t length = 0;
};

/// An end of a connection, or a listener, or not yet either.
struct sim_socket {
  enum class role : std::uint8_t { fresh, listening, connected };

  int fd = 0;
  role is = role::fresh;
  bool open = true;        ///< The descriptor is in use.
  bool queued = false;     ///< In some listener's backlog.
  bool sent_all = false;   ///< This end has shut down sending.
  bool heard_all = false;  ///< The other end has: no more bytes will come.
  bool deaf = false;       ///< This end has shut down receiving.
  bool broken = false;     ///< Nothing can be sent any more, by error.
  std::int32_t error = 0;  ///< Why, told once; -errno.
  int peer = 0;            ///< Descriptor of the other end; 0 once that is gone.
  sim_address local, remote;
  std::vector<std::byte> received;  ///< Arrived, and not read yet.
  std::vector<operation*> parked;   ///< Oldest first.

  std::size_t limit = 0;     ///< Listener: how many connections may wait.
  bool shares_port = false;  ///< Listener.
  std::deque<int> backlog;   ///< Listener: connections not accepted yet.
  std::vector<int> callers;  ///< Listener: sockets waiting for room in the backlog.
};

/// Same thread only. Invariant: between two calls, no parked operation could be finished.
class sim_network {
 public:
  /// A result, or nothing as long as the operation has to wait.
  using outcome = std::optional<std::int32_t>;

  void start(operation& op);
  /// Ends `op` early, if it has not ended already.
  void withdraw(operation& op);
  [[nodiscard]] std::int32_t answer(const call& question);

  /// What ended since the last time, oldest first.
  [[nodiscard]] operation* take_finished() noexcept;
  [[nodiscard]] std::size_t open_descriptors() const noexcept;

 private:
  sim_socket* find(int fd);
  sim_socket* find_open(int fd);
  sim_socket* find_listener(const sim_address& called);
  sim_socket& make_socket(int family);
  bool taken(const sim_address& wanted, bool shares_port);
  std::uint16_t unused_port();

  outcome attempt(operation& op);
  outcome attempt_one(operation& op, sim_socket& at, const accept_request& ask);
  outcome attempt_one(operation& op, sim_socket& at, const connect_request& ask);
  outcome attempt_one(operation& op, sim_socket& at, const receive_request& ask);
  outcome attempt_one(operation& op, sim_socket& at, const send_request& ask);
  outcome attempt_one(operation& op, sim_socket& at, const send_message_request& ask);
  outcome attempt_one(operation& op, sim_socket& at, const poll_request& ask);
  std::int32_t connect(sim_socket& from, sim_socket& to, const sim_address& called);
  outcome send(sim_socket& from, std::span<const std::byte> bytes);

  std::int32_t answer_one(const open_stream_call& ask);
  std::int32_t answer_one(const open_listener_call& ask);
  std::int32_t answer_one(const shut_down_call& ask);
  std::int32_t answer_one(const close_call& ask);
  std::int32_t answer_one(const socket_name_call& ask);

  void finish(operation& op, std::int32_t result) noexcept;
  void touch(int fd);
  void settle();
  void retry_parked(sim_socket& at);
  void hang_up(sim_socket& gone);
  void stop_listening(sim_socket& at);

  // Ordered, so that nothing depends on hashes.
  std::map<int, sim_socket> sockets_;
  std::vector<int> listeners_;
  std::deque<int> touched_;
  operation* first_finished_ = nullptr;
  operation** last_finished_ = &first_finished_;
  int next_fd_ = 1'000'000;
  std::uint16_t next_port_ = 32'768;
};

}  // namespace motet
