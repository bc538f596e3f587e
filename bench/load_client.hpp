// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The load's connections: sends messages, takes what comes back, and compares.
///
/// Driven by io_uring with multishot receives and registered descriptors, so that it
/// stays cheaper than the server it loads.

#include "load.hpp"

#include <liburing.h>

#include <cstdint>
#include <vector>

#include <netinet/in.h>

namespace bench {

/// Messages of one pattern, entered at another place by each connection: bytes that end
/// up at the wrong peer are noticed, and the messages still fit into the cache.
class messages {
 public:
  explicit messages(int size);
  [[nodiscard]] const char* of(unsigned connection) const {
    return pattern_.data() + connection % period;
  }

 private:
  static constexpr unsigned period = 251;
  std::vector<char> pattern_;
};

/// Closing it resets the connection: thousands in TIME_WAIT would slow later runs.
int make_socket();

sockaddr_in loopback(int port);

class client {
 public:
  explicit client(const load_options& options);
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  [[nodiscard]] unsigned count() const { return static_cast<unsigned>(peers_.size()); }
  [[nodiscard]] std::uint64_t errors() const { return errors_; }

  void send_message(unsigned index);

  /// Submits, and waits for something to take; not for long.
  void wait();

  /// Submits, and returns at once.
  void poll();

  /// Calls `echoed(index)` for each message that has come back.
  template <typename Function>
  void take_completions(Function&& echoed) {
    io_uring_cqe* completion = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&ring_, head, completion) {
      ++count;
      const auto index = static_cast<unsigned>(completion->user_data >> 1);
      if (take(*completion)) echoed(index);
    }
    publish_buffers();
    io_uring_cq_advance(&ring_, count);
  }

 private:
  struct peer {
    int fd = -1;
    int got = 0;  ///< Bytes of the message under way that are back.
  };
  static constexpr unsigned buffer_count = 4096;

  void connect_peer(peer& p) const;
  void set_up_ring();
  void set_up_buffers();
  io_uring_sqe* next_entry();
  void arm_receive(unsigned index);
  void give_back(unsigned index);
  void publish_buffers();
  bool take(const io_uring_cqe& completion);
  bool take_bytes(unsigned index, unsigned buffer, int length);
  bool fail(const char* what, int error);

  load_options options_;
  messages messages_;
  std::vector<peer> peers_;
  io_uring ring_{};
  io_uring_buf_ring* buffers_ = nullptr;
  std::vector<char> bytes_;
  unsigned buffer_size_ = 0;
  int returned_ = 0;
  std::uint64_t errors_ = 0;
};

}  // namespace bench
