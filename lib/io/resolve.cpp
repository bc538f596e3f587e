// SPDX-License-Identifier: MIT
#include "lib/io/resolve.hpp"

#include "lib/core/cancel_tree.hpp"
#include "lib/core/remote_queue.hpp"

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>

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

/// Shared by the fiber that asks and the thread that looks; the last one frees it.
struct lookup : remote_task {
  std::string host;
  std::uint16_t port;
  std::vector<endpoint> found;
  int failure = 0;
  waiter* asker = nullptr;  ///< Null once it has given up. The scheduler's thread only.
  std::atomic<int> users{1};

  lookup(std::string_view h, std::uint16_t p) : host(h), port(p) {}

  void release() noexcept {
    if (users.fetch_sub(1) == 1) delete this;
  }

  void look() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* all = nullptr;
    failure = getaddrinfo(host.c_str(), nullptr, &hints, &all);
    if (failure != 0) return;
    for (const addrinfo* a = all; a != nullptr; a = a->ai_next) {
      const endpoint plain = endpoint::from_system(a->ai_addr, a->ai_addrlen);
      found.push_back(endpoint::parse(plain.address(), port));
    }
    freeaddrinfo(all);
  }
};

void give_up(waiter& w) noexcept;

struct lookup_wait : waiter {
  lookup* job = nullptr;
};

void give_up(waiter& w) noexcept {
  static_cast<lookup_wait&>(w).job->asker = nullptr;
  this_scheduler->wake_came();
  this_scheduler->unpark(*w.fiber);
}

/// Runs on the scheduler's thread; if that scheduler has ended, nowhere, or on that of
/// another which has its door now. Nobody asks any more then.
void deliver_answer(remote_task& task) noexcept {
  auto& job = static_cast<lookup&>(task);
  if (job.asker != nullptr) {
    this_scheduler->wake_came();
    this_scheduler->unpark(*job.asker->fiber);
  }
  job.release();
}

/// @throws std::system_error if there is no thread to be had.
void start_looking(lookup& job, remote_queue& door) {
  job.users.fetch_add(1);
  try {
    std::thread([&job, &door] {
      job.look();
      if (!door.post(job)) job.release();
    }).detach();
  } catch (...) {
    job.release();
    throw;
  }
}

std::vector<endpoint> look_up(scheduler& s, std::string_view host, std::uint16_t port,
                              call_site where) {
  auto* const job = new lookup(host, port);
  struct release_job {
    void operator()(lookup* j) const noexcept { j->release(); }
  };
  const std::unique_ptr<lookup, release_job> ours(job);
  job->run = &deliver_answer;
  lookup_wait how;
  how.what = "a name to be looked up";
  how.where = where;
  how.abort = &give_up;
  how.job = job;
  how.fiber = &s.running();
  job->asker = &how;
  start_looking(*job, s.door());
  s.expect_wake();
  park(s, how);
  if (job->failure != 0) {
    throw std::system_error(job->failure, lookups(), "look up " + job->host);
  }
  return job->found;
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
  enter_point(s, where);
  if (!s.kernel().simulated()) return look_up(s, host, port, where);
  if (host == "localhost") return {endpoint::parse("127.0.0.1", port)};
  throw std::system_error(EAI_NONAME, lookups(), "look up " + std::string(host));
}

}  // namespace motet::detail
