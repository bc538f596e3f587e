// SPDX-License-Identifier: MIT
#include "lib/io/attempts.hpp"
#include "lib/io/perform.hpp"
#include "lib/io/resolve.hpp"
#include "lib/io/socket_name.hpp"

#include <motet/cancel.hpp>
#include <motet/error.hpp>
#include <motet/resolve.hpp>
#include <motet/tcp.hpp>
#include <motet/timeout.hpp>

#include <cerrno>

namespace motet::tcp {

stream connect(std::string_view host, std::uint16_t port, const connect_options& options,
               call_site where) {
  const std::string name = motet::detail::name_of_host(host, port);
  const auto connect_by_name = [&] {
    return motet::detail::connect_to_any(resolve(host, port, where), name, where);
  };
  if (options.deadline == time_point::max()) return connect_by_name();
  return cancel_at(options.deadline, with_exception<timeout_error>("connect " + name),
                   connect_by_name);
}

listener listen(std::string_view host, std::uint16_t port, const listen_options& options,
                call_site where) {
  std::int32_t fd = -EADDRNOTAVAIL;
  endpoint tried;
  for (const endpoint& at :
       motet::detail::addresses_to_bind(host, port, options.v6_only, where)) {
    tried = at;
    fd = motet::detail::ask_kernel(
        open_listener_call{motet::detail::address_of(at), motet::detail::length_of(at),
                           options.backlog, options.reuse_port, options.v6_only});
    if (fd >= 0) return listener(fd);
  }
  motet::detail::throw_failure(fd, "listen on " + to_string(tried));
}

}  // namespace motet::tcp
