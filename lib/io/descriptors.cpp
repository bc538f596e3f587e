// SPDX-License-Identifier: MIT
#include "lib/io/perform.hpp"
#include "lib/io/stream_access.hpp"

#include <motet/local.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include <sys/socket.h>
#include <sys/uio.h>

namespace motet::local {

namespace {

using motet::detail::perform;
using motet::detail::stream_access;
using motet::detail::throw_failure;

/// Where the system puts descriptors. They are this one's until they are taken: whatever
/// is thrown after they came, none stays open.
class descriptor_room {
 public:
  descriptor_room() noexcept {
    header_.msg_control = bytes_.data();
    header_.msg_controllen = bytes_.size();
  }
  descriptor_room(const descriptor_room&) = delete;
  descriptor_room& operator=(const descriptor_room&) = delete;
  ~descriptor_room() {
    each([](int fd) noexcept { motet::detail::ask_kernel(close_call{fd}); });
  }

  [[nodiscard]] msghdr& header() noexcept { return header_; }

  [[nodiscard]] std::vector<owned_descriptor> take() {
    std::vector<owned_descriptor> taken;
    std::size_t count = 0;
    each([&](int) noexcept { ++count; });
    taken.reserve(count);
    each([&](int fd) { taken.emplace_back(fd); });
    header_.msg_controllen = 0;
    return taken;
  }

 private:
  template <class F>
  void each(F f) {
    // Nothing came if nothing was written: then the length is 0 that it begins with.
    for (cmsghdr* at = CMSG_FIRSTHDR(&header_);
         at != nullptr && at->cmsg_len >= CMSG_LEN(0); at = CMSG_NXTHDR(&header_, at)) {
      if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(at) + i * sizeof fd, sizeof fd);
        f(fd);
      }
    }
  }

  msghdr header_{};
  alignas(
      cmsghdr) std::array<std::byte, CMSG_SPACE(most_descriptors * sizeof(int))> bytes_{};
};

}  // namespace

void send_descriptors(stream& to, std::span<const std::byte> data,
                      std::span<const int> descriptors, call_site where) {
  if (data.empty() || descriptors.size() > most_descriptors) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "send " + std::to_string(descriptors.size()) +
                                " descriptors with " + std::to_string(data.size()) +
                                " bytes");
  }
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(most_descriptors * sizeof(int))>
      room{};
  // The system only reads from it; iovec has one type for both directions.
  iovec piece{const_cast<std::byte*>(data.data()), data.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = room.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const first = CMSG_FIRSTHDR(&header);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(first), descriptors.data(), descriptors.size_bytes());
  }
  motet::detail::descriptor& socket = stream_access::of(to);
  const std::int32_t sent = perform(send_message_request{socket.fd(), &header},
                                    "bytes to be written", socket.outgoing(), where);
  if (sent < 0) throw_failure(sent, "send descriptors");
  const auto rest = data.subspan(static_cast<std::size_t>(sent));
  if (!rest.empty()) to.write(rest, where);
}

received receive_descriptors(stream& from, std::span<std::byte> buffer, call_site where) {
  motet::detail::descriptor& socket = stream_access::of(from);
  // What came ahead came without descriptors.
  if (socket.ahead() != nullptr) return {from.read(buffer, where), {}};
  descriptor_room room;
  iovec piece{buffer.data(), buffer.size()};
  room.header().msg_iov = &piece;
  room.header().msg_iovlen = 1;
  const std::int32_t got = perform(receive_message_request{socket.fd(), &room.header()},
                                   "bytes to read", socket.incoming(), where);
  if (got < 0) throw_failure(got, "receive descriptors");
  // There is room for all that can be sent: what is missing had no number here.
  if ((room.header().msg_flags & MSG_CTRUNC) != 0)
    throw_failure(-EMFILE, "receive descriptors");
  return {buffer.first(static_cast<std::size_t>(got)), room.take()};
}

}  // namespace motet::local
