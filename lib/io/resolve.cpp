// SPDX-License-Identifier: MIT
#include "lib/io/resolve.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/core/scheduler.hpp"
#include "lib/io/lookup.hpp"

#include <motet/resolve.hpp>
#include <motet/time.hpp>

#include <cerrno>
#include <string>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

namespace motet {

namespace detail {

namespace {

/// Whether it is meant as one: "fe80::1%nowhere" is no name to be looked up.
bool looks_numeric(std::string_view host) {
  in6_addr any{};
  const std::string text(host.substr(0, host.find('%')));
  return inet_pton(AF_INET6, text.c_str(), &any) == 1 ||
         (text.size() == host.size() && inet_pton(AF_INET, text.c_str(), &any) == 1);
}

std::vector<endpoint> endpoints_of(const known_host& known) {
  std::vector<endpoint> found;
  for (const sockaddr_storage& a : known.addresses) {
    found.push_back(endpoint::from_system(
        &a, a.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in)));
  }
  return found;
}

std::vector<endpoint> look_up_simulated(std::string_view host, const known_host& known,
                                        call_site where) {
  enter_point(here("looking up a name"), where);
  if (known.lookup > duration::zero()) sleep(known.lookup, where);
  std::vector<endpoint> found = endpoints_of(known);
  if (found.empty()) throw_lookup_failure(EAI_NONAME, host);
  return found;
}

std::vector<endpoint> look_up_somewhere(std::string_view host, call_site where) {
  if (host.empty()) throw_lookup_failure(EAI_NONAME, "\"\"");
  known_host known;
  const std::int32_t simulated = ask_kernel(find_host_call{host, &known});
  if (simulated == -ENOSYS) return look_up(host, where);
  if (simulated == -ENOENT && host == "localhost")
    return {endpoint::parse("127.0.0.1", 0)};
  return look_up_simulated(host, known, where);
}

}  // namespace

std::optional<endpoint> numeric(std::string_view host, std::uint16_t port) {
  if (!looks_numeric(host)) return std::nullopt;
  return endpoint::parse(host, port);
}

std::vector<endpoint> addresses_to_bind(std::string_view host, std::uint16_t port,
                                        bool v6_only, call_site where) {
  if (host.empty() || host == "*") {
    std::vector<endpoint> all{endpoint::parse("::", port)};
    // For machines without IPv6.
    if (!v6_only) all.push_back(endpoint::parse("0.0.0.0", port));
    return all;
  }
  if (const auto known = numeric(host, port)) return {*known};
  return {resolve(host, port, where).front()};
}

}  // namespace detail

std::vector<endpoint> resolve(std::string_view host, std::uint16_t port,
                              call_site where) {
  if (const auto known = detail::numeric(host, port)) {
    enter_point(detail::here("resolve"), where);
    return {*known};
  }
  std::vector<endpoint> found = detail::look_up_somewhere(host, where);
  for (endpoint& e : found)
    e = e.with_port(port);
  return found;
}

}  // namespace motet
