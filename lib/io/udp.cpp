// SPDX-License-Identifier: MIT
#include "lib/io/perform.hpp"
#include "lib/io/resolve.hpp"
#include "lib/io/socket_name.hpp"

#include <motet/resolve.hpp>
#include <motet/udp.hpp>

#include <cerrno>

namespace motet::udp {

namespace {

using motet::detail::address_of;
using motet::detail::ask_kernel;
using motet::detail::length_of;

socket connect_to(const endpoint& to, std::int32_t& result, call_site where) {
  result =
      ask_kernel(open_datagram_call{address_of(to)->sa_family, nullptr, 0, false, false});
  if (result < 0) return {};
  motet::detail::descriptor made(result);
  result =
      motet::detail::perform(connect_request{made.fd(), address_of(to), length_of(to)},
                             "a connection to be made", made.outgoing(), where);
  return result < 0 ? socket() : socket(made.release());
}

}  // namespace

socket bind(std::string_view host, std::uint16_t port, const bind_options& options,
            call_site where) {
  std::int32_t fd = -EADDRNOTAVAIL;
  endpoint tried;
  for (const endpoint& at :
       motet::detail::addresses_to_bind(host, port, options.v6_only, where)) {
    tried = at;
    fd = ask_kernel(open_datagram_call{address_of(at)->sa_family, address_of(at),
                                       length_of(at), options.reuse_port,
                                       options.v6_only});
    if (fd >= 0) return socket(fd);
  }
  motet::detail::throw_failure(fd, "bind to " + to_string(tried));
}

socket connect(std::string_view host, std::uint16_t port, call_site where) {
  std::int32_t result = -EADDRNOTAVAIL;
  // Nothing is sent: what fails is that there is no way to an address.
  for (const endpoint& to : resolve(host, port, where)) {
    socket made = connect_to(to, result, where);
    if (made) return made;
  }
  motet::detail::throw_failure(result,
                               "connect " + motet::detail::name_of_host(host, port));
}

}  // namespace motet::udp
