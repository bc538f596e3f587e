// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A network of sockets in memory, with the manners of Linux.
///
/// Every operation is attempted when it starts. What cannot finish is parked on its
/// socket; whenever something about a socket changes, its parked operations are attempted
/// again, oldest first, until nothing moves any more. Things that are sent arrive at
/// once, unless a test delays them or cuts the line: then they change their socket later.
/// There is no thread and no randomness but what the course decides.

#include "backend/operation.hpp"
#include "backend/sim/sim_faults.hpp"
#include "backend/sim/sim_socket.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace motet {

/// Same thread only. Invariant: between two calls, no parked operation could be finished.
class sim_network {
 public:
  /// A result, or nothing as long as the operation has to wait.
  using outcome = std::optional<std::int32_t>;

  /// @param how decides what is up to chance; null: nothing is.
  explicit sim_network(course* how) noexcept : faults_(how) {}

  /// Descriptors from here on are sockets and pipes of this network; those below are the
  /// system's, which cannot get so far: fs.nr_open is lower.
  static constexpr int first_descriptor = 1 << 30;

  void start(operation& op);
  /// Ends `op` early, if it has not ended already.
  void withdraw(operation& op);
  [[nodiscard]] std::int32_t answer(const call& question);

  /// What ended since the last time, oldest first.
  [[nodiscard]] operation* take_finished() noexcept;
  [[nodiscard]] std::size_t open_descriptors() const noexcept;

  [[nodiscard]] time_point now() const noexcept { return now_; }
  /// When the next thing arrives that is on its way; `time_point::max()` if none is.
  [[nodiscard]] time_point next_arrival() const noexcept;
  /// Lets time pass, and arrive what does until then.
  void pass(time_point until);

  [[nodiscard]] const sim_conditions& conditions() const noexcept {
    return faults_.conditions;
  }
  [[nodiscard]] const testing::fault_counts& counts() const noexcept {
    return faults_.counts;
  }
  /// What is on its way stays so; what was cut and is no longer arrives.
  void set_conditions(sim_conditions wanted);
  /// Breaks all connections to a port, at both ends.
  void reset_connections(std::uint16_t port);
  /// The two ends of a connection that nobody listened for.
  [[nodiscard]] std::pair<int, int> make_pair();

 private:
  sim_socket* find(int fd);
  sim_socket* find_open(int fd);
  sim_socket* find_listener(const sim_address& called);
  sim_socket* find_receiver(const sim_address& called, const sim_address& from);
  sim_socket& make_socket(int family);
  [[nodiscard]] bool taken(const std::vector<int>& by, const sim_address& wanted,
                           bool shares_port, bool v6_only) const;
  [[nodiscard]] int claim_path(const sim_address& wanted, std::uint64_t& inode);
  [[nodiscard]] bool has_its_file(const sim_socket& at) const;
  std::uint16_t unused_port();

  outcome attempt(sim_waiting& waiting);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const accept_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const connect_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const receive_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const send_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const send_message_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at,
                      const receive_message_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const poll_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const read_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const write_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const read_pieces_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const write_pieces_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const splice_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const next_request& ask);
  outcome attempt_one(sim_waiting& of, sim_socket& at, const end_request& ask);
  /// What only files know.
  template <class Request>
  outcome attempt_one(sim_waiting&, sim_socket&, const Request&) {
    return -EINVAL;
  }
  outcome send_pieces(sim_waiting& of, sim_socket& at, std::span<const iovec> pieces);
  outcome read_pipe(const sim_waiting& of, sim_socket& at, std::span<std::byte> into);
  outcome splice_into(const sim_waiting& of, sim_socket& at,
                      std::span<const std::byte> from);
  outcome write_pipe(const sim_waiting& of, sim_socket& at,
                     std::span<const std::byte> from);
  short pipe_readiness(const sim_socket& at);
  bool reaches(sim_socket& from, const sim_fate& fate);
  sim_socket& connect(sim_socket& from, const sim_address& called);
  outcome send(sim_socket& from, std::span<const std::byte> bytes, const sim_fate& fate);
  [[nodiscard]] std::size_t room(const sim_socket& at) const noexcept;
  [[nodiscard]] std::size_t room_of_peer(sim_socket& of) noexcept;

  outcome receive_message(sim_socket& at, msghdr& into);
  outcome send_message(sim_socket& from, const msghdr& what, duration late);
  outcome send_datagram(sim_socket& from, std::vector<std::byte> bytes,
                        const sim_address* to, duration late);
  outcome refuse_datagram(sim_socket& from, const sim_address& to, duration late);
  std::int32_t connect_datagrams(sim_socket& from, const sim_address& called);
  std::int32_t bind_datagrams(sim_socket& at, const sim_address& wanted, bool reuse_port,
                              bool v6_only);
  [[nodiscard]] bool holds_up(const sim_socket& at) const noexcept {
    return !at.datagrams && faults_.conditions.cuts(at.port);
  }

  std::int32_t answer_one(const open_stream_call& ask);
  std::int32_t answer_one(const open_listener_call& ask);
  std::int32_t answer_one(const open_pipe_call& ask);
  std::int32_t answer_one(const open_datagram_call& ask);
  std::int32_t answer_one(const open_pair_call& ask);
  std::int32_t answer_one(const receive_messages_call& ask);
  std::int32_t answer_one(const send_messages_call& ask);
  std::int32_t answer_one(const set_option_call& ask);
  std::int32_t answer_one(const get_option_call& ask);
  std::int32_t answer_one(const find_socket_file_call& ask);
  std::int32_t answer_one(const remove_socket_file_call& ask);
  std::int32_t answer_one(const find_host_call& ask);
  std::int32_t answer_one(const shut_down_call& ask);
  std::int32_t answer_one(const close_call& ask);
  std::int32_t answer_one(const socket_name_call& ask);

  void finish(operation& op, std::int32_t result) noexcept;
  void touch(int fd);
  void settle();
  void retry_parked(sim_socket& at);
  void hang_up(sim_socket& gone);
  void stop_listening(sim_socket& at);

  void transmit(sim_socket& to, sim_parcel what, duration late);
  void expect(const sim_socket& at, time_point when);
  void take_in(sim_socket& at);
  void deliver(sim_socket& to, sim_parcel& what);
  void break_connection(sim_socket& at);

  sim_faults faults_;
  time_point now_{};
  // Ordered, so that nothing depends on hashes.
  std::map<int, sim_socket> sockets_;
  std::set<std::pair<time_point, int>> arrivals_;  ///< When to look at which socket.
  std::vector<int> listeners_;
  std::vector<int> receivers_;  ///< Datagram sockets that others can send to.
  std::map<std::string, std::uint64_t> files_;  ///< Of Unix sockets: inodes.
  std::uint64_t next_inode_ = 1;
  unsigned next_name_ = 1;
  std::deque<int> touched_;
  operation* first_finished_ = nullptr;
  operation** last_finished_ = &first_finished_;
  int next_fd_ = first_descriptor;
  std::uint16_t next_port_ = 32'768;
};

}  // namespace motet
