// SPDX-License-Identifier: MIT

/// @file
/// An echo server written by hand on io_uring: the limit for motet's.
///
/// One enter of the kernel per turn submits all new operations and waits for completions.
/// Plain: one receive or send in flight per connection, into a buffer of its own.
/// `--multishot`: receives stay armed and take buffers from a ring that all share.
/// `--direct`: connections live in the ring's own table instead of the descriptor table.
/// `--timeout`: hangs up on peers that are silent for a minute.
/// `--linked`: the same, by a timeout of the kernel's for each receive; plain only.

#include "echo_server.hpp"

#include <liburing.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include <sys/mman.h>

namespace {

using namespace bench;

constexpr unsigned submission_entries = 4096;
constexpr unsigned completion_entries = 32768;
constexpr unsigned table_size = 16384;
constexpr unsigned buffer_size = 4096;
constexpr unsigned buffer_count = 1024;  // a power of two: the ring's mask
constexpr int buffer_group = 0;

enum class kind : unsigned { accept, receive, send, other };

/// What comes back with a completion.
struct tag {
  kind what = kind::other;
  unsigned id = 0;      ///< Descriptor, or slot of the ring's table.
  unsigned buffer = 0;  ///< The shared buffer a send reads from.

  [[nodiscard]] std::uint64_t pack() const {
    return std::uint64_t{static_cast<unsigned>(what)} << 60 |
           std::uint64_t{buffer} << 32 | id;
  }
  static tag unpack(std::uint64_t data) {
    return {static_cast<kind>(data >> 60), static_cast<unsigned>(data),
            static_cast<unsigned>(data >> 32) & 0xffff};
  }
};

/// Invariant: closed when nothing of it is in flight any more, so that a completion
/// never meets another connection under the same number.
struct connection {
  idle_entry idle;  // first: an entry's address is its connection's
  unsigned id = 0;
  unsigned sending = 0;
  bool receiving = false;
  bool failed = false;
  std::unique_ptr<std::array<char, buffer_size>> buffer;
};

/// The buffers that multishot receives take from.
class shared_buffers {
 public:
  explicit shared_buffers(io_uring& ring) {
    bytes_ = static_cast<char*>(map(std::size_t{buffer_count} * buffer_size));
    ring_ = static_cast<io_uring_buf_ring*>(map(buffer_count * sizeof(io_uring_buf)));
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(ring_);
    registration.ring_entries = buffer_count;
    registration.bgid = buffer_group;
    const int result = io_uring_register_buf_ring(&ring, &registration, 0);
    if (result != 0) die("register a buffer ring", -result);
    io_uring_buf_ring_init(ring_);
    for (unsigned i = 0; i < buffer_count; ++i)
      give_back(i);
    publish();
  }

  [[nodiscard]] char* at(unsigned index) const { return bytes_ + index * buffer_size; }

  /// How many the kernel could still take.
  [[nodiscard]] unsigned available() const { return available_; }
  void taken() { --available_; }

  void give_back(unsigned index) {
    ++available_;
    io_uring_buf_ring_add(ring_, at(index), buffer_size,
                          static_cast<unsigned short>(index), buffer_count - 1,
                          static_cast<int>(returned_++));
  }

  /// Shows the kernel what was given back.
  void publish() {
    if (returned_ > 0) io_uring_buf_ring_advance(ring_, static_cast<int>(returned_));
    returned_ = 0;
  }

 private:
  static void* map(std::size_t size) {
    void* memory =
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("mmap", errno);
    return memory;
  }

  char* bytes_ = nullptr;
  io_uring_buf_ring* ring_ = nullptr;
  unsigned returned_ = 0;
  unsigned available_ = 0;
};

class server {
 public:
  explicit server(const server_options& options)
      : options_(options), listener_(listen_on_loopback(options.port)) {
    io_uring_params params{};
    params.flags =
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = completion_entries;
    int result = io_uring_queue_init_params(submission_entries, &ring_, &params);
    if (result != 0) die("set up a ring", -result);
    if (options_.direct) {
      result = io_uring_register_files_sparse(&ring_, table_size);
      if (result != 0) die("register a descriptor table", -result);
    }
    if (options_.multishot) buffers_ = std::make_unique<shared_buffers>(ring_);
    connections_.resize(table_size);
  }

  [[noreturn]] void run() {
    arm_accept();
    for (;;) {
      enter();
      if (options_.timeout) now_ = now_ns();
      take_completions();
      if (options_.multishot) feed_the_starved();
      if (options_.timeout) expire();
    }
  }

 private:
  io_uring_sqe* next_entry(const tag& t) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) {
      io_uring_submit(&ring_);
      entry = io_uring_get_sqe(&ring_);
    }
    entry->user_data = t.pack();
    return entry;
  }

  /// liburing's preparation clears the whole entry: flags and user data come after it.
  void finish(io_uring_sqe* entry, const tag& t, unsigned flags = 0) const {
    if (options_.direct) flags |= IOSQE_FIXED_FILE;
    entry->flags = static_cast<__u8>(flags);
    entry->user_data = t.pack();
  }

  void arm_accept() {
    const tag t{kind::accept};
    io_uring_sqe* entry = next_entry(t);
    if (options_.multishot) {
      io_uring_prep_multishot_accept(entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
    } else {
      io_uring_prep_accept(entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
    }
    if (options_.direct) {
      entry->accept_flags = 0;  // close-on-exec is meaningless without a descriptor
      entry->file_index = IORING_FILE_INDEX_ALLOC;
    }
    entry->user_data = t.pack();
  }

  void arm_receive(connection& c) {
    const tag t{kind::receive, c.id};
    io_uring_sqe* entry = next_entry(t);
    const int fd = static_cast<int>(c.id);
    if (options_.multishot) {
      io_uring_prep_recv_multishot(entry, fd, nullptr, 0, 0);
      finish(entry, t, IOSQE_BUFFER_SELECT);
      entry->buf_group = buffer_group;
    } else {
      io_uring_prep_recv(entry, fd, c.buffer->data(), buffer_size, 0);
      finish(entry, t, options_.linked ? IOSQE_IO_LINK : 0U);
      if (options_.linked) limit_the_last();
    }
    c.receiving = true;
  }

  void limit_the_last() {
    static __kernel_timespec limit{idle_limit_ns / 1'000'000'000, 0};
    io_uring_sqe* entry = next_entry({});
    io_uring_prep_link_timeout(entry, &limit, 0);
    entry->user_data = tag{}.pack();
  }

  void arm_send(connection& c, const char* from, int length, unsigned buffer) {
    const tag t{kind::send, c.id, buffer};
    io_uring_sqe* entry = next_entry(t);
    io_uring_prep_send(entry, static_cast<int>(c.id), from,
                       static_cast<std::size_t>(length), MSG_WAITALL | MSG_NOSIGNAL);
    finish(entry, t);
    ++c.sending;
  }

  void hang_up(connection& c) {
    if (!options_.direct) {
      shutdown(static_cast<int>(c.id), SHUT_RDWR);
      return;
    }
    const tag t{kind::other};
    io_uring_sqe* entry = next_entry(t);
    io_uring_prep_shutdown(entry, static_cast<int>(c.id), SHUT_RDWR);
    finish(entry, t);
  }

  void close_when_quiet(connection& c) {
    if (c.receiving || c.sending > 0) return;
    idle_.remove(c.idle);
    const unsigned id = c.id;
    connections_[id].reset();
    if (!options_.direct) {
      close(static_cast<int>(id));
      return;
    }
    const tag t{kind::other};
    io_uring_sqe* entry = next_entry(t);
    io_uring_prep_close_direct(entry, id);
    entry->user_data = t.pack();
  }

  void accepted(const io_uring_cqe& completion) {
    if (completion.res >= 0) {
      const auto id = static_cast<unsigned>(completion.res);
      if (id >= connections_.size()) die("accept", EMFILE);
      auto fresh = std::make_unique<connection>();
      fresh->id = id;
      if (!options_.multishot) fresh->buffer.reset(new std::array<char, buffer_size>);
      if (options_.timeout) idle_.touch(fresh->idle, now_);
      connections_[id] = std::move(fresh);
      arm_receive(*connections_[id]);
    } else {
      std::fprintf(stderr, "accept: %s\n", std::strerror(-completion.res));
    }
    if ((completion.flags & IORING_CQE_F_MORE) == 0) arm_accept();
  }

  void received(const tag& t, const io_uring_cqe& completion) {
    connection& c = *connections_[t.id];
    if ((completion.flags & IORING_CQE_F_MORE) == 0) c.receiving = false;
    if ((completion.flags & IORING_CQE_F_BUFFER) != 0) buffers_->taken();
    if (completion.res == -ENOBUFS) {
      starved_.push_back(t.id);
      c.receiving = true;  // soon again; until then it must not be closed
      return;
    }
    if (completion.res <= 0 || c.failed) {
      if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
        buffers_->give_back(completion.flags >> IORING_CQE_BUFFER_SHIFT);
      }
      close_when_quiet(c);
      return;
    }
    if (options_.timeout) idle_.touch(c.idle, now_);
    if (!options_.multishot) {
      arm_send(c, c.buffer->data(), completion.res, 0);
      return;
    }
    const unsigned buffer = completion.flags >> IORING_CQE_BUFFER_SHIFT;
    arm_send(c, buffers_->at(buffer), completion.res, buffer);
    if (!c.receiving) arm_receive(c);
  }

  void sent(const tag& t, const io_uring_cqe& completion) {
    connection& c = *connections_[t.id];
    --c.sending;
    if (options_.multishot) buffers_->give_back(t.buffer);
    if (completion.res < 0 && !c.failed) {
      c.failed = true;
      if (c.receiving) hang_up(c);
    }
    if (!options_.multishot && !c.failed) {
      arm_receive(c);
    } else {
      close_when_quiet(c);
    }
  }

  void take_completions() {
    io_uring_cqe* completion = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&ring_, head, completion) {
      ++count;
      const tag t = tag::unpack(completion->user_data);
      if (t.what == kind::accept) accepted(*completion);
      if (t.what == kind::receive) received(t, *completion);
      if (t.what == kind::send) sent(t, *completion);
    }
    io_uring_cq_advance(&ring_, count);
  }

  /// One receive for each free buffer: arming all of them would only make the kernel
  /// refuse most of them again.
  void feed_the_starved() {
    buffers_->publish();
    for (unsigned n = buffers_->available(); n > 0 && !starved_.empty(); --n) {
      connection& c = *connections_[starved_.back()];
      starved_.pop_back();
      arm_receive(c);
    }
  }

  void expire() {
    while (idle_entry* entry = idle_.take_expired(now_)) {
      hang_up(*reinterpret_cast<connection*>(entry));
    }
  }

  void enter() {
    if (idle_.empty()) {
      io_uring_submit_and_wait(&ring_, 1);
      return;
    }
    const std::int64_t left = std::max(idle_.first()->deadline - now_, std::int64_t{0});
    __kernel_timespec wait{left / 1'000'000'000, left % 1'000'000'000};
    io_uring_cqe* first = nullptr;
    io_uring_submit_and_wait_timeout(&ring_, &first, 1, &wait, nullptr);
  }

  server_options options_;
  int listener_;
  io_uring ring_{};
  std::unique_ptr<shared_buffers> buffers_;
  std::vector<std::unique_ptr<connection>> connections_;
  std::vector<unsigned> starved_;
  idle_list idle_;
  std::int64_t now_ = now_ns();
};

}  // namespace

int main(int argc, char** argv) {
  const server_options options = parse(argc, argv, flavours::uring);
  if (options.linked && options.multishot) die("--linked with --multishot", EINVAL);
  raise_descriptor_limit();
  server(options).run();
}
