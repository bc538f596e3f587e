// SPDX-License-Identifier: MIT

/// @file
/// What a send costs that does not copy (IORING_OP_SEND_ZC), beside one that does.
///
/// Over loopback, the only network that every machine has. Core 0 sends, core 1 reads and
/// forgets. Prints a line per size: medians of five repeats, taken in turn.

#include <liburing.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/// A connection to a thread that reads all and forgets it.
class sink {
 public:
  sink() {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const address = reinterpret_cast<sockaddr*>(&name);
    socklen_t length = sizeof name;
    if (bind(listener, address, length) != 0 || listen(listener, 1) != 0) die("listen");
    getsockname(listener, address, &length);
    near_ = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(near_, address, length) != 0) die("connect");
    const int far = accept(listener, nullptr, nullptr);
    close(listener);
    reader_ = std::thread([far] {
      pin(1);
      std::vector<char> room(std::size_t{1} << 18);
      while (read(far, room.data(), room.size()) > 0) {
      }
      close(far);
    });
  }
  sink(const sink&) = delete;
  sink& operator=(const sink&) = delete;
  ~sink() {
    close(near_);
    reader_.join();
  }

  [[nodiscard]] int fd() const { return near_; }

 private:
  int near_ = -1;
  std::thread reader_;
};

/// Sends all of it, and waits until the buffer is the sender's again.
void send_whole(io_uring& ring, int fd, const std::vector<char>& from, bool copies) {
  io_uring_sqe* const entry = io_uring_get_sqe(&ring);
  if (copies) {
    io_uring_prep_send(entry, fd, from.data(), from.size(), MSG_WAITALL);
  } else {
    io_uring_prep_send_zc(entry, fd, from.data(), from.size(), MSG_WAITALL, 0);
  }
  for (bool over = false; !over;) {
    io_uring_cqe* completion = nullptr;
    io_uring_submit_and_wait(&ring, 1);
    if (io_uring_wait_cqe(&ring, &completion) != 0) die("io_uring_wait_cqe");
    if (completion->res < 0) die("send");
    over = (completion->flags & IORING_CQE_F_MORE) == 0;
    io_uring_cqe_seen(&ring, completion);
  }
}

/// Microseconds of CPU time per send.
double cost(std::size_t size, bool copies) {
  const sink to;
  io_uring ring{};
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  if (io_uring_queue_init_params(8, &ring, &params) != 0) die("io_uring_setup");
  const std::vector<char> bytes(size, 'x');
  const long count = static_cast<long>((std::size_t{64} << 20) / size);
  const double start = cpu_us();
  for (long i = 0; i < count; ++i)
    send_whole(ring, to.fd(), bytes, copies);
  const double spent = cpu_us() - start;
  io_uring_queue_exit(&ring);
  return spent / static_cast<double>(count);
}

}  // namespace

int main() {
  pin(0);
  for (const std::size_t size : {16'384U, 65'536U, 1'048'576U}) {
    std::array<double, 5> copied{};
    std::array<double, 5> uncopied{};
    for (std::size_t i = 0; i < copied.size(); ++i) {
      copied[i] = cost(size, true);
      uncopied[i] = cost(size, false);
    }
    std::ranges::sort(copied);
    std::ranges::sort(uncopied);
    std::printf("%7zu bytes: copied %.1f us, not copied %.1f us (%.2f times)\n", size,
                copied[2], uncopied[2], uncopied[2] / copied[2]);
  }
}
