// SPDX-License-Identifier: MIT
#include "backend/posix/read_write.hpp"

#include "backend/posix/requests.hpp"
#include "backend/posix/result_of.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <ctime>
#include <variant>

#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>

namespace motet {
namespace {

using outcome = std::optional<std::int32_t>;

constexpr int waiting_is_fine = 0;

bool is_on_disk(int fd) noexcept {
  struct stat about {};
  if (::fstat(fd, &about) != 0) return false;
  return S_ISREG(about.st_mode) || S_ISDIR(about.st_mode) || S_ISBLK(about.st_mode);
}

bool is_ready(int fd, short events) noexcept {
  pollfd asked{fd, events, 0};
  return result_of([&] { return ::poll(&asked, 1, 0); }) != 0;
}

/// Whether this kind of descriptor cannot be asked not to wait: terminals, and before
/// Linux 6.4 pipes. ENOSYS is what sandboxes say.
bool knows_no_nowait(std::int64_t result) noexcept {
  return result == -EOPNOTSUPP || result == -ENOSYS;
}

/// Keeps SIGPIPE from this thread. Disposition and flags belong to the whole program, and
/// pipes know no MSG_NOSIGNAL.
class sigpipe_held {
 public:
  sigpipe_held() noexcept {
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    sigset_t pending{};
    // Only what was blocked before can be pending already.
    const bool blocked = ::sigismember(&before_, SIGPIPE) == 1;
    was_pending_ =
        blocked && ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGPIPE) == 1;
  }
  sigpipe_held(const sigpipe_held&) = delete;
  sigpipe_held& operator=(const sigpipe_held&) = delete;
  ~sigpipe_held() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  /// Forgets the one that the last call has raised.
  void forget() const noexcept {
    const timespec at_once{};
    if (was_pending_) return;
    while (::sigtimedwait(&sigpipe_, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }

 private:
  sigset_t sigpipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

/// `move(size, flags)` moves at most `size` bytes.
template <class Move>
outcome attempt_to(Move move, int fd, std::size_t size, short events) noexcept {
  size = std::min(size, most_bytes);
  if (is_on_disk(fd))
    return static_cast<std::int32_t>(
        result_of([&] { return move(size, waiting_is_fine); }));
  std::int64_t moved = result_of([&] { return move(size, RWF_NOWAIT); });
  if (knows_no_nowait(moved)) {
    if (!is_ready(fd, events)) return std::nullopt;
    // What is there is read, however little. And what is ready for writing has room for
    // this much (pipe(7)). A terminal has room for some of it, and takes the rest soon.
    moved = result_of(
        [&] { return move(std::min<std::size_t>(size, PIPE_BUF), waiting_is_fine); });
  }
  if (moved == -EAGAIN) return std::nullopt;
  return static_cast<std::int32_t>(moved);
}

}  // namespace

bool on_disk(const request& what) noexcept {
  if (const auto* ask = std::get_if<read_request>(&what)) return is_on_disk(ask->fd);
  if (const auto* ask = std::get_if<write_request>(&what)) return is_on_disk(ask->fd);
  return false;
}

bool may_raise_sigpipe(const request& what) noexcept {
  const auto* const ask = std::get_if<write_request>(&what);
  return ask != nullptr && !is_on_disk(ask->fd);
}

outcome attempt_read(const read_request& ask) noexcept {
  const auto read = [&](std::size_t size, int flags) {
    const iovec to{ask.into.data(), size};
    return ::preadv2(ask.fd, &to, 1, ask.offset, flags);
  };
  return attempt_to(read, ask.fd, ask.into.size(), POLLIN);
}

outcome attempt_write(const write_request& ask) noexcept {
  const sigpipe_held during;
  const auto write = [&](std::size_t size, int flags) {
    const iovec from{const_cast<std::byte*>(ask.from.data()), size};
    return ::pwritev2(ask.fd, &from, 1, ask.offset, flags);
  };
  const outcome result = attempt_to(write, ask.fd, ask.from.size(), POLLOUT);
  if (result == -EPIPE) during.forget();
  return result;
}

}  // namespace motet
