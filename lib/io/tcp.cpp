// SPDX-License-Identifier: MIT
#include "lib/io/perform.hpp"
#include "lib/io/resolve.hpp"

#include <motet/cancel.hpp>
#include <motet/error.hpp>
#include <motet/tcp.hpp>
#include <motet/timeout.hpp>

#include <cerrno>
#include <string>
#include <utility>

#include <sys/socket.h>

namespace motet::tcp {

namespace {

using motet::detail::ask_kernel;
using motet::detail::perform;
using motet::detail::throw_failure;

stream connect_to(const endpoint& to, std::int32_t& result, call_site where) {
  const auto* const address = static_cast<const sockaddr*>(to.system_address());
  result = ask_kernel(open_stream_call{address->sa_family});
  if (result < 0) return {};
  motet::detail::descriptor socket(result);
  result = perform(
      connect_request{socket.fd(), address, static_cast<socklen_t>(to.system_length())},
      "a connection to be made", socket.outgoing(), where);
  if (result < 0) return {};
  return stream(socket.release());
}

stream connect_to_any(std::string_view host, std::uint16_t port, call_site where) {
  std::int32_t result = -EADDRNOTAVAIL;
  for (const endpoint& to : motet::detail::resolve(host, port, where)) {
    stream made = connect_to(to, result, where);
    if (made) return made;
  }
  throw_failure(result, "connect " + std::string(host) + ":" + std::to_string(port));
}

}  // namespace

stream connect(std::string_view host, std::uint16_t port, const connect_options& options,
               call_site where) {
  if (options.deadline == time_point::max()) return connect_to_any(host, port, where);
  return cancel_at(options.deadline,
                   with_exception<timeout_error>("connect " + std::string(host) + ":" +
                                                 std::to_string(port)),
                   [&] { return connect_to_any(host, port, where); });
}

listener listen(std::string_view host, std::uint16_t port, const listen_options& options,
                call_site where) {
  const endpoint at = motet::detail::resolve(host, port, where).front();
  const std::int32_t fd = ask_kernel(open_listener_call{
      static_cast<const sockaddr*>(at.system_address()),
      static_cast<socklen_t>(at.system_length()), options.backlog, options.reuse_port});
  if (fd < 0) throw_failure(fd, "listen on " + to_string(at));
  return listener(fd);
}

}  // namespace motet::tcp
