// SPDX-License-Identifier: MIT
#include "lib/io/resolve.hpp"

#include "lib/blocking/job_home.hpp"
#include "lib/core/cancel_tree.hpp"
#include "lib/core/scheduler.hpp"

#include <motet/detail/job.hpp>

#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

namespace motet::detail {

namespace {

class lookup_category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "getaddrinfo"; }
  [[nodiscard]] std::string message(int code) const override {
    return gai_strerror(code);
  }
};

const std::error_category& lookups() noexcept {
  static const lookup_category once;
  return once;
}

/// On a thread of the pool.
std::vector<endpoint> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* all = nullptr;
  const int failure = getaddrinfo(host.c_str(), nullptr, &hints, &all);
  if (failure != 0) throw std::system_error(failure, lookups(), "look up " + host);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(all, &freeaddrinfo);
  std::vector<endpoint> found;
  for (const addrinfo* a = all; a != nullptr; a = a->ai_next) {
    const endpoint plain = endpoint::from_system(a->ai_addr, a->ai_addrlen);
    found.push_back(endpoint::parse(plain.address(), port));
  }
  return found;
}

/// Nothing can make it return, and nobody misses it.
std::vector<endpoint> look_up_elsewhere(std::string_view host, std::uint16_t port,
                                        call_site where) {
  auto look = [host = std::string(host), port] { return look_up(host, port); };
  using lookup = job_call<decltype(look)>;
  auto* const made = new lookup(std::move(look));
  owned_call owned(made, [](void* l) noexcept { delete static_cast<lookup*>(l); });
  run_expendable_job(made->body(), owned, "a name to be looked up", where);
  return made->take();
}

std::optional<endpoint> parse_numeric(std::string_view host, std::uint16_t port) {
  if (host.empty() || host == "*") return endpoint::parse("0.0.0.0", port);
  in6_addr any{};
  const std::string text(host);
  if (inet_pton(AF_INET, text.c_str(), &any) != 1 &&
      inet_pton(AF_INET6, text.c_str(), &any) != 1) {
    return std::nullopt;
  }
  return endpoint::parse(host, port);
}

}  // namespace

std::vector<endpoint> resolve(std::string_view host, std::uint16_t port,
                              call_site where) {
  if (const auto numeric = parse_numeric(host, port)) return {*numeric};
  scheduler& s = here("looking up a name");
  if (!s.kernel().simulated()) return look_up_elsewhere(host, port, where);
  enter_point(s, where);
  if (host == "localhost") return {endpoint::parse("127.0.0.1", port)};
  throw std::system_error(EAI_NONAME, lookups(), "look up " + std::string(host));
}

}  // namespace motet::detail
