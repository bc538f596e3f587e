// SPDX-License-Identifier: MIT
#include "backend/posix/read_write.hpp"

#include "backend/posix/non_blocking.hpp"
#include "backend/posix/on_disk.hpp"
#include "backend/posix/requests.hpp"
#include "backend/posix/result_of.hpp"
#include "backend/posix/sigpipe_held.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <optional>
#include <span>
#include <variant>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>

namespace motet {
namespace {

using outcome = std::optional<std::int32_t>;

constexpr int waiting_is_fine = 0;

bool is_socket(int fd) noexcept {
  struct stat about {};
  return ::fstat(fd, &about) == 0 && S_ISSOCK(about.st_mode);
}

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

/// `move(pieces, flags)` moves as much of them as it can.
template <class Move>
outcome attempt_to(Move move, int fd, std::span<const iovec> pieces,
                   short events) noexcept {
  if (is_on_disk(fd))
    return static_cast<std::int32_t>(
        result_of([&] { return move(pieces, waiting_is_fine); }));
  std::int64_t moved = result_of([&] { return move(pieces, RWF_NOWAIT); });
  if (knows_no_nowait(moved)) {
    if (!is_ready(fd, events)) return std::nullopt;
    // What is there is read, however little. And what is ready for writing has room for
    // this much (pipe(7)). A terminal has room for some of it, and takes the rest soon.
    const auto first =
        std::ranges::find_if(pieces, [](const iovec& each) { return each.iov_len != 0; });
    if (first == pieces.end()) return 0;
    const iovec little{first->iov_base, std::min<std::size_t>(first->iov_len, PIPE_BUF)};
    moved = result_of([&] { return move(std::span(&little, 1), waiting_is_fine); });
  }
  if (moved == -EAGAIN) return std::nullopt;
  return static_cast<std::int32_t>(moved);
}

outcome attempt_read_into(int fd, std::span<const iovec> all,
                          std::int64_t offset) noexcept {
  const auto read = [&](std::span<const iovec> into, int flags) {
    return ::preadv2(fd, into.data(), static_cast<int>(into.size()), offset, flags);
  };
  return attempt_to(read, fd, all, POLLIN);
}

outcome attempt_write_from(int fd, std::span<const iovec> all,
                           std::int64_t offset) noexcept {
  const sigpipe_held during;
  const auto write = [&](std::span<const iovec> from, int flags) {
    return ::pwritev2(fd, from.data(), static_cast<int>(from.size()), offset, flags);
  };
  const outcome result = attempt_to(write, fd, all, POLLOUT);
  if (result == -EPIPE) during.forget();
  return result;
}

template <class Request>
constexpr bool only_on_disk = requires(const Request& ask) {
  do_on_disk(ask);
};

bool writes(const request& what) noexcept {
  return std::holds_alternative<write_request>(what) ||
         std::holds_alternative<write_pieces_request>(what);
}

}  // namespace

bool always_on_disk(const request& what) noexcept {
  return std::visit([]<class Request>(const Request&) { return only_on_disk<Request>; },
                    what);
}

bool on_disk(const request& what) noexcept {
  if (always_on_disk(what)) return true;
  if (const auto* ask = std::get_if<splice_request>(&what))
    return is_on_disk(ask->fd) || is_on_disk(ask->to);
  const bool transfers = writes(what) || std::holds_alternative<read_request>(what) ||
                         std::holds_alternative<read_pieces_request>(what);
  return transfers && is_on_disk(awaited_by(what).fd);
}

bool better_attempted(const request& what) noexcept {
  if (const auto* ask = std::get_if<read_request>(&what)) return ask->of_fifo;
  if (const auto* ask = std::get_if<read_pieces_request>(&what)) return ask->of_fifo;
  return writes(what) && !is_on_disk(awaited_by(what).fd);
}

outcome attempt_read(const read_request& ask) noexcept {
  const iovec into{ask.into.data(), std::min(ask.into.size(), most_bytes)};
  return attempt_read_into(ask.fd, {&into, 1}, ask.offset);
}

outcome attempt_read(const read_pieces_request& ask) noexcept {
  return attempt_read_into(ask.fd, ask.into, ask.offset);
}

outcome attempt_write(const write_request& ask) noexcept {
  const iovec from{const_cast<std::byte*>(ask.from.data()),
                   std::min(ask.from.size(), most_bytes)};
  return attempt_write_from(ask.fd, {&from, 1}, ask.offset);
}

outcome attempt_write(const write_pieces_request& ask) noexcept {
  return attempt_write_from(ask.fd, ask.from, ask.offset);
}

std::int32_t attempt_splice(const splice_request& ask) noexcept {
  const std::size_t size = std::min(ask.size, most_bytes);
  // What is ready, and read by nobody else, has something to read.
  if (!is_ready(ask.fd, POLLIN) || !is_ready(ask.to, POLLOUT)) return -EAGAIN;
  // Into a socket, splice(2) waits until all has gone, whatever its flags say: only the
  // socket's own flag keeps it from that (splice_to_socket in Linux, since 6.5).
  std::optional<non_blocking> meanwhile;
  if (is_socket(ask.to)) meanwhile.emplace(ask.to);
  const sigpipe_held during;
  const std::int64_t moved = result_of([&] {
    return ask.stays ? ::tee(ask.fd, ask.to, size, SPLICE_F_NONBLOCK)
                     : ::splice(ask.fd, nullptr, ask.to, nullptr, size,
                                SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
  });
  if (moved == -EPIPE) during.forget();
  return static_cast<std::int32_t>(moved);
}

}  // namespace motet
