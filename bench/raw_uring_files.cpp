// SPDX-License-Identifier: MIT

/// @file
/// The same as motet_files, written by hand on io_uring: the limit. With `--plain`, pread
/// and pwrite, one after the other.

#include "files.hpp"

#include <liburing.h>

#include <array>
#include <cstddef>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace bench;

class ring {
 public:
  explicit ring(unsigned depth) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    const int failed = io_uring_queue_init_params(depth, &ring_, &params);
    if (failed != 0) die("io_uring_setup", -failed);
  }
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;
  ~ring() { io_uring_queue_exit(&ring_); }

  io_uring_sqe& entry() { return *io_uring_get_sqe(&ring_); }

  /// Calls `f(user data, result)` for all that is complete, at least one.
  template <class F>
  void turn(F f) {
    const int entered = io_uring_submit_and_wait(&ring_, 1);
    if (entered < 0) die("io_uring_enter", -entered);
    io_uring_cqe* completion = nullptr;
    unsigned head = 0;
    unsigned count = 0;
    io_uring_for_each_cqe(&ring_, head, completion) {
      f(completion->user_data, completion->res);
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
  }

 private:
  io_uring ring_{};
};

struct reader {
  alignas(64) std::array<std::byte, read_size> buffer;
  random_places places;
};

void read(ring& on, int fd, std::vector<reader>& readers, std::uint64_t count) {
  std::uint64_t begun = 0;
  std::uint64_t done = 0;
  const auto begin = [&](std::uint64_t who) {
    if (begun == count) return;
    ++begun;
    io_uring_sqe& entry = on.entry();
    io_uring_prep_read(&entry, fd, readers[who].buffer.data(), read_size,
                       readers[who].places.next());
    entry.user_data = who;
  };
  for (std::uint64_t who = 0; who < readers.size(); ++who)
    begin(who);
  while (done < count) {
    on.turn([&](std::uint64_t who, int result) {
      if (result != static_cast<int>(read_size)) die("a short read", EIO);
      ++done;
      begin(who);
    });
  }
}

void read_plainly(int fd, reader& one, std::uint64_t count) {
  for (std::uint64_t n = 0; n < count; ++n) {
    const auto from = static_cast<off_t>(one.places.next());
    if (::pread(fd, one.buffer.data(), read_size, from) != ssize_t{read_size})
      die("a short read", EIO);
  }
}

void write(ring& on, int fd, const file_options& options) {
  const std::vector<std::byte> block(write_size, std::byte{'x'});
  for (std::uint64_t n = 0; n < options.count; ++n) {
    if (options.plain) {
      const auto to = static_cast<off_t>(n * write_size);
      if (::pwrite(fd, block.data(), write_size, to) != ssize_t{write_size})
        die("a short write", EIO);
      continue;
    }
    io_uring_prep_write(&on.entry(), fd, block.data(), write_size, n * write_size);
    on.turn([](std::uint64_t, int result) {
      if (result != static_cast<int>(write_size)) die("a short write", EIO);
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  const file_options options = parse_file_options(argc, argv);
  const int flags = options.write ? O_RDWR | O_CREAT : O_RDONLY;
  const int fd = ::open(options.path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) die("open", errno);
  ring on(options.depth);
  if (options.write) {
    const stopwatch watch;
    write(on, fd, options);
    watch.print(options.count);
    return 0;
  }
  std::vector<reader> readers;
  for (unsigned i = 0; i < options.depth; ++i)
    readers.push_back({{}, random_places(i, options.size)});
  const auto read_all = [&](std::uint64_t count) {
    options.plain ? read_plainly(fd, readers[0], count) : read(on, fd, readers, count);
  };
  read_all(options.count / 10);
  const stopwatch watch;
  read_all(options.count);
  watch.print(options.count);
}
