// SPDX-License-Identifier: MIT

/// @file
/// A closed-loop load for echo servers on 127.0.0.1.
///
/// Each connection sends one message, waits for all of it, and sends the next. Driven by
/// io_uring with multishot receives, so that it stays cheaper than the server it loads.
/// Prints one line of JSON. Count, size and time are bounded; a watchdog ends it if the
/// server stalls.

#include "load_measure.hpp"

#include <liburing.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace bench;

struct load_options {
  int port = 0;
  int connections = 50;
  int size = 64;
  double seconds = 0.5;
  double warm_up = 0.15;
  int server = 0;  ///< Process id; 0 leaves out what is read from /proc.
};

struct peer {
  int fd = -1;
  int got = 0;  ///< Bytes of the message under way that are back.
  std::int64_t sent_at = 0;
  const char* message = nullptr;
};

class load {
 public:
  explicit load(const load_options& options)
      : options_(options), peers_(static_cast<std::size_t>(options.connections)) {
    resident_before_ = resident_kb(options_.server);
    make_messages();
    for (peer& p : peers_)
      connect_peer(p);
    set_up_ring();
    set_up_buffers();
  }

  void run() {
    for (unsigned i = 0; i < peers_.size(); ++i) {
      arm_receive(i);
      send_message(i, now_ns());
    }
    const std::int64_t start = now_ns();
    turns_until(start + seconds_to_ns(options_.warm_up));
    latency_.clear();
    echoed_ = 0;
    const cpu_account server_before = account_of(options_.server);
    const cpu_account own_before = account_of(getpid());
    window_start_ = now_ns();
    turns_until(window_start_ + seconds_to_ns(options_.seconds));
    window_ = now_ns() - window_start_;
    server_ = account_of(options_.server) - server_before;
    own_ = account_of(getpid()) - own_before;
    resident_during_ = resident_kb(options_.server);
  }

  /// Returns the exit code.
  [[nodiscard]] int report() const {
    const double seconds = static_cast<double>(window_) / 1e9;
    const auto requests = static_cast<double>(echoed_);
    const double cpu_us = static_cast<double>(server_.ran) / 1e3;
    const double resident = static_cast<double>(resident_during_ - resident_before_);
    std::printf("{\"conns\":%d,\"size\":%d,\"seconds\":%.4f,\"requests\":%" PRIu64
                ",\"rps\":%.0f,\"cpu_us_per_request\":%.4f,\"p50_us\":%.1f,"
                "\"p99_us\":%.1f,",
                options_.connections, options_.size, seconds, echoed_, requests / seconds,
                echoed_ > 0 ? cpu_us / requests : 0, latency_.quantile(0.5) / 1e3,
                latency_.quantile(0.99) / 1e3);
    std::printf(
        "\"server_busy\":%.3f,\"server_waited\":%.3f,\"load_busy\":%.3f,"
        "\"load_waited\":%.3f,\"kb_per_conn\":%.2f,\"errors\":%" PRIu64 "}\n",
        share(server_.ran), share(server_.waited), share(own_.ran), share(own_.waited),
        resident / options_.connections, errors_);
    return errors_ > 0 || echoed_ == 0 ? 1 : 0;
  }

 private:
  static constexpr unsigned buffer_count = 4096;
  static constexpr unsigned pattern_period = 251;

  [[nodiscard]] double share(std::int64_t ns) const {
    return static_cast<double>(ns) / static_cast<double>(window_);
  }

  static std::int64_t seconds_to_ns(double seconds) {
    return static_cast<std::int64_t>(seconds * 1e9);
  }

  /// One pattern, entered at another place by each connection: bytes that end up at the
  /// wrong peer are noticed, and the messages still fit into the cache.
  void make_messages() {
    pattern_.resize(static_cast<std::size_t>(options_.size) + pattern_period);
    for (std::size_t i = 0; i < pattern_.size(); ++i) {
      pattern_[i] = static_cast<char>(i * 31 % pattern_period);
    }
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      peers_[i].message = pattern_.data() + i % pattern_period;
    }
  }

  void connect_peer(peer& p) const {
    p.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p.fd < 0) die("socket", errno);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(p.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      die("connect", errno);
    }
    const int on = 1;
    setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // A reset on close: thousands of connections in TIME_WAIT would slow later runs.
    const linger reset{1, 0};
    setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }

  void set_up_ring() {
    io_uring_params params{};
    params.flags =
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 32768;
    int result = io_uring_queue_init_params(4096, &ring_, &params);
    if (result != 0) die("set up a ring", -result);
    std::vector<int> fds;
    for (const peer& p : peers_)
      fds.push_back(p.fd);
    result =
        io_uring_register_files(&ring_, fds.data(), static_cast<unsigned>(fds.size()));
    if (result != 0) die("register descriptors", -result);
  }

  void set_up_buffers() {
    buffer_size_ = static_cast<unsigned>(std::max(options_.size, 256));
    bytes_.resize(std::size_t{buffer_count} * buffer_size_);
    void* entries = aligned_alloc(4096, buffer_count * sizeof(io_uring_buf));
    if (entries == nullptr) die("allocate a buffer ring", ENOMEM);
    buffers_ = static_cast<io_uring_buf_ring*>(entries);
    std::memset(entries, 0, buffer_count * sizeof(io_uring_buf));
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(entries);
    registration.ring_entries = buffer_count;
    const int result = io_uring_register_buf_ring(&ring_, &registration, 0);
    if (result != 0) die("register a buffer ring", -result);
    io_uring_buf_ring_init(buffers_);
    for (unsigned i = 0; i < buffer_count; ++i)
      give_back(i, static_cast<int>(i));
    io_uring_buf_ring_advance(buffers_, buffer_count);
  }

  [[nodiscard]] const char* buffer(unsigned index) const {
    return bytes_.data() + std::size_t{index} * buffer_size_;
  }

  void give_back(unsigned index, int offset) {
    io_uring_buf_ring_add(buffers_, bytes_.data() + std::size_t{index} * buffer_size_,
                          buffer_size_, static_cast<unsigned short>(index),
                          buffer_count - 1, offset);
  }

  io_uring_sqe* next_entry() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) {
      io_uring_submit(&ring_);
      entry = io_uring_get_sqe(&ring_);
    }
    return entry;
  }

  void arm_receive(unsigned index) {
    io_uring_sqe* entry = next_entry();
    io_uring_prep_recv_multishot(entry, static_cast<int>(index), nullptr, 0, 0);
    entry->flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    entry->user_data = std::uint64_t{index} << 1;
  }

  void send_message(unsigned index, std::int64_t now) {
    peer& p = peers_[index];
    p.got = 0;
    p.sent_at = now;
    io_uring_sqe* entry = next_entry();
    io_uring_prep_send(entry, static_cast<int>(index), p.message,
                       static_cast<std::size_t>(options_.size),
                       MSG_WAITALL | MSG_NOSIGNAL);
    entry->flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = std::uint64_t{index} << 1 | 1;
  }

  /// An error ends its connection's part in the load; the others go on.
  void fail(const char* what, int error) {
    if (errors_++ < 3) std::fprintf(stderr, "load: %s: %s\n", what, std::strerror(error));
  }

  void turns_until(std::int64_t end) {
    while (now_ns() < end) {
      __kernel_timespec wait{0, 20'000'000};
      io_uring_cqe* first = nullptr;
      io_uring_submit_and_wait_timeout(&ring_, &first, 1, &wait, nullptr);
      take_completions(now_ns());
    }
  }

  void take_completions(std::int64_t now) {
    io_uring_cqe* completion = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    int returned = 0;
    io_uring_for_each_cqe(&ring_, head, completion) {
      ++count;
      if (completion->user_data == LIBURING_UDATA_TIMEOUT) continue;
      const auto index = static_cast<unsigned>(completion->user_data >> 1);
      if ((completion->user_data & 1) != 0) {
        fail("send", -completion->res);
        continue;
      }
      if ((completion->flags & IORING_CQE_F_BUFFER) != 0) {
        const unsigned which = completion->flags >> IORING_CQE_BUFFER_SHIFT;
        if (completion->res > 0) take_bytes(index, buffer(which), completion->res, now);
        give_back(which, returned++);
      }
      rearm(index, *completion);
    }
    io_uring_buf_ring_advance(buffers_, returned);
    io_uring_cq_advance(&ring_, count);
  }

  void rearm(unsigned index, const io_uring_cqe& completion) {
    if (completion.res == 0) return fail("the server hung up", EPIPE);
    if (completion.res < 0 && completion.res != -ENOBUFS) {
      return fail("receive", -completion.res);
    }
    if ((completion.flags & IORING_CQE_F_MORE) == 0) arm_receive(index);
  }

  void take_bytes(unsigned index, const char* bytes, int length, std::int64_t now) {
    peer& p = peers_[index];
    if (p.got + length > options_.size)
      return fail("more came back than was sent", EPROTO);
    if (std::memcmp(bytes, p.message + p.got, static_cast<std::size_t>(length)) != 0) {
      return fail("other bytes came back than were sent", EPROTO);
    }
    p.got += length;
    if (p.got < options_.size) return;
    ++echoed_;
    latency_.add(now - p.sent_at);
    send_message(index, now);
  }

  load_options options_;
  std::vector<peer> peers_;
  std::vector<char> pattern_;
  io_uring ring_{};
  io_uring_buf_ring* buffers_ = nullptr;
  std::vector<char> bytes_;
  unsigned buffer_size_ = 0;
  histogram latency_;
  std::uint64_t echoed_ = 0;
  std::uint64_t errors_ = 0;
  std::int64_t window_start_ = 0;
  std::int64_t window_ = 1;
  cpu_account server_;
  cpu_account own_;
  long resident_before_ = 0;
  long resident_during_ = 0;
};

[[noreturn]] void usage(const char* program) {
  std::fprintf(stderr,
               "usage: %s --port N [--conns 1..20000] [--size 1..65536]\n"
               "       [--seconds up to 60] [--warm up to 10] [--server PID]\n",
               program);
  std::exit(1);
}

load_options parse(int argc, char** argv) {
  static const option names[] = {{"port", required_argument, nullptr, 'p'},
                                 {"conns", required_argument, nullptr, 'c'},
                                 {"size", required_argument, nullptr, 's'},
                                 {"seconds", required_argument, nullptr, 't'},
                                 {"warm", required_argument, nullptr, 'w'},
                                 {"server", required_argument, nullptr, 'S'},
                                 {nullptr, 0, nullptr, 0}};
  load_options options;
  for (int c = 0; (c = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
    switch (c) {
      case 'p':
        options.port = std::atoi(optarg);
        break;
      case 'c':
        options.connections = std::atoi(optarg);
        break;
      case 's':
        options.size = std::atoi(optarg);
        break;
      case 't':
        options.seconds = std::atof(optarg);
        break;
      case 'w':
        options.warm_up = std::atof(optarg);
        break;
      case 'S':
        options.server = std::atoi(optarg);
        break;
      default:
        usage(argv[0]);
    }
  }
  const auto within = [](auto value, auto low, auto high) {
    return value >= low && value <= high;
  };
  if (!within(options.port, 1, 65535) || !within(options.connections, 1, 20000) ||
      !within(options.size, 1, 65536) || !within(options.seconds, 0.01, 60.0) ||
      !within(options.warm_up, 0.0, 10.0) || options.server < 0) {
    usage(argv[0]);
  }
  return options;
}

void raise_descriptor_limit(int connections) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = static_cast<rlim_t>(connections) + 64;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  limit.rlim_max = std::max(limit.rlim_max, wanted);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) die("raise the descriptor limit", errno);
}

}  // namespace

int main(int argc, char** argv) {
  const load_options options = parse(argc, argv);
  raise_descriptor_limit(options.connections);
  // The watchdog: a server that stops answering must not hold up a whole run.
  alarm(static_cast<unsigned>(options.seconds + options.warm_up) + 20);
  load generator(options);
  generator.run();
  return generator.report();
}
