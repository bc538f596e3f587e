// SPDX-License-Identifier: MIT

/// @file
/// The load that connects anew for each message.

#include "load_client.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace bench {
namespace {

/// As many connections at a time as there are visitors. Each is a chain in the ring:
/// connect, send, receive; of these, the last tells how it went.
class churning {
 public:
  churning(const load_options& options, findings& found)
      : size_(static_cast<std::size_t>(options.size)),
        address_(loopback(options.port)),
        messages_(options.size),
        found_(found),
        visitors_(static_cast<std::size_t>(options.connections)) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    const unsigned entries =
        std::min(3U * static_cast<unsigned>(visitors_.size()), 4096U);
    const int result = io_uring_queue_init_params(entries, &ring_, &params);
    if (result != 0) die("set up a ring", -result);
    for (visitor& v : visitors_) {
      v.back.resize(size_);
      visit(v);
    }
  }

  void turns_until(std::int64_t until) {
    for (std::int64_t now = now_ns(); now < until; now = now_ns()) {
      __kernel_timespec limit{0, 20'000'000};
      io_uring_cqe* first = nullptr;
      io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
      take_completions(now_ns());
    }
  }

 private:
  struct visitor {
    int fd = -1;
    std::int64_t since = 0;
    std::vector<char> back;
  };

  [[nodiscard]] const char* message_of(const visitor& v) const {
    return messages_.of(static_cast<unsigned>(&v - visitors_.data()));
  }

  /// A chain may not be cut in two by a submission.
  void visit(visitor& v) {
    v.fd = make_socket();
    v.since = now_ns();
    if (io_uring_sq_space_left(&ring_) < 3) io_uring_submit(&ring_);
    constexpr unsigned char chained = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    io_uring_prep_connect(entry, v.fd, reinterpret_cast<const sockaddr*>(&address_),
                          sizeof address_);
    entry->flags = chained;
    entry->user_data = 0;
    entry = io_uring_get_sqe(&ring_);
    io_uring_prep_send(entry, v.fd, message_of(v), size_, MSG_WAITALL | MSG_NOSIGNAL);
    entry->flags = chained;
    entry->user_data = 0;
    entry = io_uring_get_sqe(&ring_);
    io_uring_prep_recv(entry, v.fd, v.back.data(), size_, MSG_WAITALL);
    entry->user_data = reinterpret_cast<std::uintptr_t>(&v);
  }

  void take_completions(std::int64_t now) {
    io_uring_cqe* completion = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&ring_, head, completion) {
      ++count;
      if (completion->user_data == LIBURING_UDATA_TIMEOUT) continue;
      if (completion->user_data == 0) {
        complain("connect or send", -completion->res);
      } else {
        leave(*reinterpret_cast<visitor*>(completion->user_data), completion->res, now);
      }
    }
    io_uring_cq_advance(&ring_, count);
  }

  void leave(visitor& v, int got, std::int64_t now) {
    close(v.fd);
    const bool good = got == static_cast<int>(size_) &&
                      std::memcmp(v.back.data(), message_of(v), size_) == 0;
    if (good) {
      ++found_.requests;
      found_.latency.add(now - v.since);
    } else if (got != -ECANCELED) {  // else there has been a complaint
      complain("receive", got < 0 ? -got : EPROTO);
    }
    visit(v);
  }

  void complain(const char* what, int error) {
    if (found_.errors++ > 3) return;
    std::fprintf(stderr, "load: %s: %s\n", what, std::strerror(error));
  }

  std::size_t size_;
  sockaddr_in address_;
  messages messages_;
  findings& found_;
  std::vector<visitor> visitors_;
  io_uring ring_{};
};

}  // namespace

void churn(const load_options& options, findings& found) {
  churning visitors(options, found);
  visitors.turns_until(now_ns() + seconds_to_ns(options.warm_up));
  found.latency.clear();
  found.requests = 0;
  found.measured.open();
  visitors.turns_until(now_ns() + seconds_to_ns(options.seconds));
  found.measured.close();
}

}  // namespace bench
