// SPDX-License-Identifier: MIT
#include "lib/io/lookup.hpp"

#include "lib/blocking/job_home.hpp"
#include "lib/blocking/pool.hpp"
#include "lib/core/shared_wait.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>

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

/// A lookup, and those who wait for it. On the heap: it may outlive all of them.
struct flight : pool_job {
  const std::string host;
  unsigned users = 1;  ///< Those who wait, and the job. Guarded by the board.
  gate guard;          ///< For what follows.
  wait_queue waiting;
  bool landed = false;
  int failure = 0;
  int system_failure = 0;
  std::vector<endpoint> found;

  explicit flight(std::string_view name) : host(name) { limited = true; }

  void look() noexcept {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* all = nullptr;
    failure = getaddrinfo(host.c_str(), nullptr, &hints, &all);
    system_failure = failure == EAI_SYSTEM ? errno : 0;
    if (failure != 0) return;
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(all, &freeaddrinfo);
    try {
      for (const addrinfo* a = all; a != nullptr; a = a->ai_next)
        found.push_back(endpoint::from_system(a->ai_addr, a->ai_addrlen));
    } catch (const std::bad_alloc&) {
      failure = EAI_MEMORY;
    }
  }
};

/// All lookups that have not landed, of all threads. Any thread.
class flight_board {
 public:
  /// Never destroyed: lookups that were left to themselves come back at any time.
  static flight_board& instance() noexcept {
    // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): without it there is no program
    static auto* const one = new flight_board;
    return *one;
  }

  /// One user more of the lookup for `host`, which begins now if there was none.
  [[nodiscard]] flight& join(std::string_view host) {
    const std::scoped_lock hold(lock_);
    const auto known = std::ranges::find(aloft_, host, &flight::host);
    if (known != aloft_.end()) return ++(*known)->users, **known;
    auto made = std::make_unique<flight>(host);
    made->run = [](pool_job& job) noexcept { static_cast<flight&>(job).look(); };
    made->finished = [](pool_job& job) noexcept {
      instance().land(static_cast<flight&>(job));
    };
    aloft_.push_back(made.get());
    ++made->users;
    try {
      thread_pool::instance().submit(*made);
    } catch (...) {
      aloft_.pop_back();
      throw;
    }
    return *made.release();
  }

  /// One user less.
  void leave(flight& f) noexcept {
    const std::scoped_lock hold(lock_);
    // Only the job is left. If it has not begun nobody misses it.
    if (--f.users == 1 && thread_pool::instance().withdraw(f)) {
      std::erase(aloft_, &f);
      --f.users;
    }
    if (f.users == 0) delete &f;
  }

 private:
  void land(flight& f) noexcept {
    wait_queue taken;
    {
      const std::scoped_lock hold(lock_);
      std::erase(aloft_, &f);
      const std::lock_guard guarded(f.guard);
      f.landed = true;
      taken = take_all(f.waiting);
    }
    wake_taken(taken);
    leave_landed(f);
  }

  void leave_landed(flight& f) noexcept {
    const std::scoped_lock hold(lock_);
    if (--f.users == 0) delete &f;
  }

  std::mutex lock_;  ///< For all that follows.
  std::vector<flight*> aloft_;
};

/// A place among those who wait for a lookup.
class seat {
 public:
  explicit seat(flight& f) noexcept : of_(f) {}
  seat(const seat&) = delete;
  seat& operator=(const seat&) = delete;
  ~seat() { flight_board::instance().leave(of_); }

  void wait(scheduler& s, call_site where) {
    of_.guard.lock();
    if (of_.landed) return of_.guard.unlock();
    shared_waiter how(s, of_.guard, "a name to be looked up", where);
    const struct expected {
      explicit expected(scheduler& by) noexcept : of(by) { of.expect_wake(); }
      expected(const expected&) = delete;
      expected& operator=(const expected&) = delete;
      ~expected() { of.wake_came(); }
      scheduler& of;
    } during(s);
    wait_behind(s, of_.waiting, how);
  }

 private:
  flight& of_;
};

}  // namespace

void throw_lookup_failure(int failure, std::string_view host) {
  throw std::system_error(failure, lookups(), "look up " + std::string(host));
}

std::vector<endpoint> look_up(std::string_view host, call_site where) {
  scheduler& s = here("looking up a name");
  enter_point(s, where);
  // The pool has threads as long as this scheduler may have jobs.
  static_cast<void>(job_home::here().door());
  flight& f = flight_board::instance().join(host);
  seat mine(f);
  mine.wait(s, where);
  if (f.system_failure != 0) {
    throw std::system_error(f.system_failure, std::system_category(),
                            "look up " + std::string(host));
  }
  if (f.failure != 0) throw_lookup_failure(f.failure, host);
  return f.found;
}

}  // namespace motet::detail
