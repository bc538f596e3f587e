// SPDX-License-Identifier: MIT
#include "lib/fiber/diagnose.hpp"

#include "lib/core/cancel_tree.hpp"

#include <motet/error.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include <cxxabi.h>

namespace motet {

std::string to_string(const cancel_reason& reason) {
  return detail::explain(reason, reason.at);
}

namespace detail {

void say(const std::string& line) noexcept {
  std::fputs(("motet: " + line + "\n").c_str(), stderr);
}

std::string at_place(call_site where) {
  if (where.line == 0) return {};
  return std::string(" at ") + where.file + ":" + std::to_string(where.line);
}

std::string describe_age(duration span) {
  const auto in = [&](auto unit, const char* name) {
    return std::to_string(span / unit) + name;
  };
  if (span < 1ms) return span < 1us ? "0 s" : in(1us, " us");
  if (span < 1s) return in(1ms, " ms");
  if (span < 10s && span % 1s >= 100ms) {
    return std::to_string(span / 1s) + "." + std::to_string(span % 1s / 100ms) + " s";
  }
  if (span < 2min) return in(1s, " s");
  return span < 2h ? in(1min, " min") : in(1h, " h");
}

std::string explain(const cancel_reason& reason, time_point now) {
  std::string text = to_string(reason.kind);
  if (reason.source) text += " by fiber \"" + reason.source.name() + "\"";
  text += at_place(reason.where);
  if (now > reason.at) text += ", " + describe_age(now - reason.at) + " ago";
  if (!reason.message.empty()) text += ": " + reason.message;
  return text;
}

namespace {

/// Whether something is to be told of this place for the first time. Kept per thread, and
/// short: whoever makes the same mistake in a hundred places has been told.
class told_places {
 public:
  bool is_new(const char* of, call_site where) {
    constexpr std::size_t most = 100;
    const auto same = [&](const entry& e) {
      return e.of == of && e.where.line == where.line &&
             std::string_view(e.where.file) == where.file;
    };
    if (places_.size() == most || std::any_of(places_.begin(), places_.end(), same)) {
      return false;
    }
    places_.push_back({of, where});
    return true;
  }

 private:
  struct entry {
    const char* of;
    call_site where;
  };
  std::vector<entry> places_;
};
thread_local told_places told;

constexpr const char* swallowing = "swallowing";
constexpr const char* storms = "storms";
constexpr const char* stillbirths = "stillbirths";

std::string quoted_name(const fiber_state& fiber) {
  return "fiber \"" + name_of(fiber) + "\"";
}

/// Yields, checkpoints and the ends of scopes and races do not say where they stand.
std::string at_point(call_site where) {
  return where.line != 0 ? at_place(where)
                         : " at a yield, a checkpoint, or the end of a scope or race";
}

}  // namespace

void on_swallowed(scheduler& s) noexcept {
  constexpr unsigned storm = 64;
  fiber_state& self = s.running();
  const call_site where = self.thrown_at;
  if (told.is_new(swallowing, where)) {
    say("a cancellation was swallowed" + at_point(where) + " in " + quoted_name(self) +
        " (" + explain(self.thrown->why, s.time().now()) +
        "): rethrow it, as every later point throws it again");
  }
  if (++self.swallowed < storm) return;
  self.swallowed = 0;
  if (told.is_new(storms, where)) {
    say(quoted_name(self) + " swallowed 64 cancellations in a row" + at_point(where) +
        ": it lets others run, but should end");
  }
  s.yield();
}

void tell_if_stillborn(scheduler& s, const fiber_state& fresh) noexcept {
  const fiber_state& self = s.running();
  if (fresh.start_always || fresh.root.parent != &self.root) return;
  if (find_cancelled(self) != nullptr) return;  // it is not protected itself
  const cancel_scope* const why = find_cancelled(fresh);
  if (why == nullptr || !told.is_new(stillbirths, fresh.spun_at)) return;
  say(quoted_name(fresh) + ", spun" + at_place(fresh.spun_at) +
      " in a shield or while unwinding, will never run: it belongs to " +
      quoted_name(self) + ", which was asked to end (" +
      explain(why->request->why, s.time().now()) +
      "); cleanup that needs fibers spins them in a with_scope of its own");
}

void tell_of_skipping(fiber_state& self, std::size_t skipped, call_site where) noexcept {
  if (std::exchange(self.told_of_skipping, true)) return;
  say(quoted_name(self) + " passed over " + std::to_string(skipped) +
      " messages in its mailbox for the one it receives" + at_place(where) +
      ": nobody takes those");
}

namespace {

std::mutex terminate_lock;
unsigned watches = 0;
std::terminate_handler previous_handler = nullptr;

void explain_cancelled(const fiber_state& self, const cancelled& c) noexcept {
  say(quoted_name(self) + " was asked to end (" +
      explain(c.reason(), this_scheduler->time().now()) + "), and the point" +
      (self.thrown_at.line != 0 ? at_place(self.thrown_at) : " it came to") +
      " threw that through a noexcept function or a destructor.\n"
      "motet: wrap what waits there in a shield: shield([&] { ... })");
}

[[noreturn]] void on_terminate() noexcept {
  const std::terminate_handler next = previous_handler;
  if (this_scheduler != nullptr) {
    const fiber_state& self = this_scheduler->running();
    if (abi::__cxa_current_exception_type() == nullptr) {
      say("std::terminate was called in " + quoted_name(self));
    } else {
      try {
        throw;
      } catch (const cancelled& c) {
        explain_cancelled(self, c);
      } catch (...) {
        say("std::terminate was called in " + quoted_name(self) + ": " +
            describe(std::current_exception()));
      }
    }
  }
  if (next != nullptr) next();
  std::abort();
}

}  // namespace

terminate_watch::terminate_watch() {
  const std::lock_guard lock(terminate_lock);
  if (watches++ == 0) previous_handler = std::set_terminate(&on_terminate);
}

terminate_watch::~terminate_watch() {
  const std::lock_guard lock(terminate_lock);
  // One that was set meanwhile stays, and may call ours for as long as it likes.
  if (--watches == 0 && std::get_terminate() == &on_terminate) {
    std::set_terminate(previous_handler);
  }
}

}  // namespace detail

}  // namespace motet
