// SPDX-License-Identifier: MIT
#include "lib/io/fifo.hpp"

#include "lib/io/file_request.hpp"

#include <motet/time.hpp>

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace motet::detail {
namespace {

// A thread that opens a FIFO waits in the kernel, and nothing but a signal gets it out of
// there; a reader that does not wait cannot be told when its writer comes (pipe_poll
// reports what is written, and who has left). So there is nothing but to look again.
constexpr duration first_pause = 1ms;
constexpr duration longest_pause = 16ms;

bool is_fifo(int fd) noexcept {
  struct stat about {};
  return ::fstat(fd, &about) == 0 && S_ISFIFO(about.st_mode);
}

bool is_fifo(const std::string& path) noexcept {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 && S_ISFIFO(about.st_mode);
}

/// Whether a FIFO has a writer, or has had one since it was opened.
bool has_writer(int reader) {
  pollfd asked{reader, POLLIN, 0};
  if (::poll(&asked, 1, 0) > 0) return true;
  // With nothing in it, copying tells: 0 is the end, for there is no writer (tee(2)).
  std::array<int, 2> scratch{};
  if (::pipe2(scratch.data(), O_CLOEXEC) != 0) throw_failure(-errno, "make a pipe");
  const ssize_t copied = ::tee(reader, scratch[1], 1, SPLICE_F_NONBLOCK);
  const bool found = copied > 0 || (copied < 0 && errno == EAGAIN);
  for (const int fd : scratch)
    ::close(fd);
  return found;
}

/// Parks longer each time.
class longer_pauses {
 public:
  void wait(call_site where) {
    sleep(pause_, where);
    pause_ = std::min(2 * pause_, longest_pause);
  }

 private:
  duration pause_ = first_pause;
};

std::int32_t open_once(const std::string& path, int flags, unsigned mode,
                       call_site where) {
  return perform_alone(open_request{working_directory, path.c_str(), flags, mode},
                       "a file to be opened", where);
}

}  // namespace

std::int32_t open_waiting(const std::string& path, int flags, unsigned mode,
                          descriptor& opened, call_site where) {
  longer_pauses between;
  std::int32_t fd = open_once(path, flags, mode, where);
  const bool waits = (flags & O_NONBLOCK) == 0;
  while (waits && fd == -ENXIO && is_fifo(path)) {
    between.wait(where);
    fd = open_once(path, flags, mode, where);
  }
  if (fd < 0) return fd;
  opened = descriptor(fd);
  const bool reads = (flags & O_ACCMODE) != O_WRONLY;
  if (reads && is_fifo(fd)) opened.set_fifo();
  if (!waits) return 0;
  const bool only_reads = (flags & O_ACCMODE) == O_RDONLY;
  while (only_reads && opened.is_fifo() && !has_writer(fd))
    between.wait(where);
  // It was opened as non-blocking, which is not what was asked for.
  ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  return 0;
}

}  // namespace motet::detail
