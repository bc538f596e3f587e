// SPDX-License-Identifier: MIT
#include "lib/io/attempts.hpp"
#include "lib/io/perform.hpp"
#include "lib/io/socket_name.hpp"

#include <motet/cancel.hpp>
#include <motet/error.hpp>
#include <motet/local.hpp>
#include <motet/timeout.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>

namespace motet::local {

namespace {

using motet::detail::address_of;
using motet::detail::ask_kernel;
using motet::detail::length_of;
using motet::detail::perform;
using motet::detail::socket_file;
using motet::detail::throw_failure;

/// What stands in the way at a path. Empty: nothing any more, and it can be had.
std::string clear_path(const endpoint& at, int type, call_site where) {
  const std::string path = at.path();
  if (path.front() == '@') return ", a name in use";
  file_identity file;
  const std::int32_t found = ask_kernel(find_socket_file_call{path.c_str(), &file});
  if (found == -ENOTSOCK) return ", which is no socket";
  if (found == -ENOENT) return {};
  std::int32_t result = 0;
  if (type == SOCK_STREAM) {
    static_cast<void>(motet::detail::connect_stream(at, result, where));
  } else {
    result = ask_kernel(open_datagram_call{AF_UNIX, nullptr, 0, false, false});
    motet::detail::descriptor probe(result);
    if (result >= 0) {
      result = perform(connect_request{probe.fd(), address_of(at), length_of(at)},
                       "a look at who is there", probe.outgoing(), where);
    }
  }
  if (result != -ECONNREFUSED) return ", where somebody is";
  // Only this one: if another program was faster, its file is not the one that we saw.
  ask_kernel(remove_socket_file_call{path.c_str(), file});
  return {};
}

/// Opens a socket at a path. @returns the descriptor.
template <class Open>
int open_at(const endpoint& at, int type, const char* what, call_site where, Open open) {
  std::int32_t fd = open();
  std::string why;
  if (fd == -EADDRINUSE) {
    why = clear_path(at, type, where);
    if (why.empty()) fd = open();
  }
  if (fd < 0) throw_failure(fd, what + at.path() + why);
  return fd;
}

socket_file file_of(const endpoint& at) {
  const std::string path = at.path();
  return path.front() == '@' ? socket_file() : socket_file(path);
}

std::array<int, 2> open_pair(int type) {
  std::array<int, 2> ends{};
  const std::int32_t failed = ask_kernel(open_pair_call{type, ends.data()});
  if (failed < 0) throw_failure(failed, "make a pair of sockets");
  return ends;
}

/// The queue of a listener that is full does not say when it has room again: a socket
/// that is told EAGAIN never looks ready (connect(2)).
stream connect_when_there_is_room(const endpoint& to, call_site where) {
  for (duration pause = 1ms;; pause = std::min<duration>(2 * pause, 50ms)) {
    std::int32_t result = 0;
    stream made = motet::detail::connect_stream(to, result, where);
    if (made) return made;
    if (result != -EAGAIN) throw_failure(result, "connect " + to.path());
    sleep(pause, where);
  }
}

}  // namespace

listener listen(std::string_view path, const listen_options& options, call_site where) {
  const endpoint at = endpoint::of_path(path);
  enter_point(motet::detail::here("local::listen"), where);
  motet::detail::descriptor made(
      open_at(at, SOCK_STREAM, "listen on ", where, [&]() -> std::int32_t {
        return ask_kernel(open_listener_call{address_of(at), length_of(at),
                                             options.backlog, false, false});
      }));
  socket_file file = file_of(at);
  return listener(made.release(), std::move(file));
}

stream connect(std::string_view path, const connect_options& options, call_site where) {
  const endpoint to = endpoint::of_path(path);
  if (options.deadline == time_point::max()) return connect_when_there_is_room(to, where);
  return cancel_at(options.deadline,
                   with_exception<timeout_error>("connect " + to.path()),
                   [&] { return connect_when_there_is_room(to, where); });
}

std::pair<stream, stream> pair() {
  const std::array<int, 2> ends = open_pair(SOCK_STREAM);
  return {stream(ends[0]), stream(ends[1])};
}

datagram_socket bind(std::string_view path, call_site where) {
  const endpoint at = endpoint::of_path(path);
  enter_point(motet::detail::here("local::bind"), where);
  motet::detail::descriptor made(
      open_at(at, SOCK_DGRAM, "bind to ", where, [&]() -> std::int32_t {
        return ask_kernel(
            open_datagram_call{AF_UNIX, address_of(at), length_of(at), false, false});
      }));
  socket_file file = file_of(at);
  return datagram_socket(made.release(), std::move(file));
}

datagram_socket bind() {
  // No more than the family asks for a name (unix(7), "Autobind feature").
  const sa_family_t any = AF_UNIX;
  const std::int32_t fd = ask_kernel(open_datagram_call{
      AF_UNIX, reinterpret_cast<const sockaddr*>(&any), sizeof any, false, false});
  if (fd < 0) throw_failure(fd, "bind to an abstract name");
  return datagram_socket(fd);
}

std::pair<datagram_socket, datagram_socket> datagram_pair() {
  const std::array<int, 2> ends = open_pair(SOCK_DGRAM);
  return {datagram_socket(ends[0]), datagram_socket(ends[1])};
}

}  // namespace motet::local
