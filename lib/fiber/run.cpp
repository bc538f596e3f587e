// SPDX-License-Identifier: MIT
#include "backend/make_backend.hpp"
#include "lib/blocking/job_home.hpp"
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/diagnose.hpp"
#include "lib/fiber/home.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/run_on.hpp"
#include "lib/fiber/signals.hpp"
#include "lib/fiber/verbs.hpp"
#include "lib/fiber/walk_tree.hpp"

#include <motet/debug.hpp>
#include <motet/detail/message.hpp>
#include <motet/error.hpp>
#include <motet/run.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <sys/single_threaded.h>

namespace motet {

namespace detail {

namespace {

/// What `run` was told, for those who report to it.
struct run_state {
  const run_options& options;
  cancel_scope& daemons;
  bool deadlock_told = false;
};
constinit thread_local run_state* this_run = nullptr;

engine engine_of(backend_kind kind) noexcept {
  switch (kind) {
    case backend_kind::automatic:
      break;
    case backend_kind::uring:
      return engine::uring;
    case backend_kind::libev:
      return engine::libev;
    case backend_kind::sim:
      return engine::sim;
  }
  return engine::automatic;
}

/// Ends the main fiber's wait with a deadlock_error, where nothing but that can end it.
void fail_main(scheduler& s) noexcept {
  fiber_state& main = s.main();
  waiter* const how = main.phase == fiber_phase::parked ? main.waiting : nullptr;
  if (how == nullptr || how->abort == nullptr || how->aborted) {
    std::fputs("motet: deadlock, and the main fiber cannot be told:\n", stderr);
    std::fputs(dump().c_str(), stderr);
    std::terminate();
  }
  s.deadlock_report =
      "every fiber is parked and nothing can wake any of them:\n" + dump();
  main.deadlocked = true;
  how->aborted = true;
  how->abort(*how);
}

void on_deadlock(scheduler& s) noexcept {
  if (s.kernel().simulated()) return fail_main(s);
  // On a real backend a signal may still come: tell, and wait on. Other threads may wake
  // fibers, and who is suspended waits for a signal.
  if (this_run->deadlock_told || !__libc_single_threaded) return;
  bool suspended = false;
  walk_tree(s.main(), [&](const fiber_state& f, std::size_t) {
    suspended = suspended || is_suspended(f);
  });
  if (suspended) return;
  this_run->deadlock_told = true;
  std::fputs("motet: every fiber is parked and nothing in sight can wake any of them:\n",
             stderr);
  std::fputs(dump().c_str(), stderr);
}

void on_signal(scheduler& s, int number, unsigned count) noexcept {
  if (count > 1) {
    std::fputs(dump().c_str(), stderr);
    expire_graces(s.main());
    job_home::here().end_grace();
  }
  request_record* const why =
      make_request(cancel_kind::signal, signal_name(number), call_site{});
  why->why.source = {};  // not the fiber that happened to run last
  ask(s.main(), disposition::stop, why);
}

/// Async-signal-safe: runs on the signal stack of a thread whose fiber has no stack left.
std::size_t describe_running(char* into, std::size_t room) noexcept {
  if (this_scheduler == nullptr) return 0;
  const fiber_state& fiber = this_scheduler->running();
  const bool named = fiber.extras && !fiber.extras->name.empty();
  char number[32];
  std::snprintf(number, sizeof number, "fiber %llu",
                static_cast<unsigned long long>(fiber.id & 0xff'ffff'ffffU));
  const int length = std::snprintf(
      into, room,
      "fiber \"%s\" overflowed its %zu KiB stack (spun at %s:%u); give it more with "
      "spin({.stack_size = ...}, ...)",
      named ? fiber.extras->name.c_str() : number, fiber.stack.size() / 1024,
      fiber.spun_at.line != 0 ? fiber.spun_at.file : "an unknown place",
      fiber.spun_at.line);
  if (length < 0) return 0;
  return std::min(static_cast<std::size_t>(length), room);
}

void tell_of_preference(scheduler& s, const fiber_state& to,
                        const fiber_state& chosen) noexcept {
  s.chance()->tell(moment_of(s.kernel().now()) + ": fiber \"" + name_of(chosen) +
                   "\" runs before \"" + name_of(to) + '"');
}

body_end run_main_body(function_ref<void()> body) {
  try {
    body();
    look_for_swallowed(*this_scheduler, nullptr);
    return {};
  } catch (const cancelled&) {
    return {.error = nullptr, .unwound = true};
  } catch (...) {
    return {.error = std::current_exception(), .unwound = false};
  }
}

/// What is told of a daemon's end.
void report_failure(cancel_scope&, fiber_state& daemon) noexcept {
  if (daemon.error && !daemon.observed) report_unhandled(daemon, daemon.error);
}

/// The main fiber's control block: the thread owns the stack.
fiber_handle make_main() {
  auto* const main = new fiber_state;
  main->root.fiber = main;
  main->chain.innermost = &main->root;
  return {main, fiber_handle::adopt_t{}};
}

/// Runs `body` and whatever it leaves behind, to the end. @returns the signal that ended
/// it, or 0.
int run_to_the_end(scheduler& s, function_ref<void()> body) {
  fiber_state& main = s.main();
  body_end end = run_main_body(body);
  end_children(main);
  end_daemons(s);
  job_home::here().wait_for_abandoned();
  settle_outcome(main, std::move(end));
  destroy_locals(main);
  clear_mailbox(main.box);
  main.phase = fiber_phase::ended;
  tell_observers(s, main);  // who are fibers of other threads
  if (main.extras) forget_others(main);
  if (main.to_disturb) s.forget_to_disturb(main);
  // A signal that another thread was told of is that one's business.
  if (this_run->options.signals == signal_policy::none) return 0;
  if (!main.stopped || main.reason->why.kind != cancel_kind::signal) return 0;
  return signal_number(main.reason->why.message);
}

}  // namespace

void refuse_inside_of_fibers() {
  refuse_in_child("run");
  if (this_scheduler == nullptr) return;
  throw structure_error("run inside of a fiber: this thread is a scheduler already");
}

bool is_suspended(const fiber_state& fiber) noexcept {
  return fiber.phase == fiber_phase::parked && fiber.waiting->what == waits_to_be_stopped;
}

const run_options& options_of_run() noexcept {
  return this_run->options;
}

cancel_scope* daemons_of(const fiber_state& fiber) noexcept {
  const bool has_them = this_run != nullptr && this_run->daemons.fiber == &fiber;
  return has_them ? &this_run->daemons : nullptr;
}

void report_unhandled(const fiber_state& from, std::exception_ptr error) noexcept {
  report_unhandled_of("fiber \"" + name_of(from) + "\"", std::move(error));
}

void report_unhandled_of(const std::string& what, std::exception_ptr error) noexcept {
  if (this_run != nullptr && this_run->options.on_unhandled) {
    this_run->options.on_unhandled(std::move(error));
    return;
  }
  std::fprintf(stderr, "motet: nobody handles the error of %s: %s\n", what.c_str(),
               describe(error).c_str());
}

void run_main(const run_options& options, function_ref<void()> body, bool has_result) {
  refuse_inside_of_fibers();
  const engine wanted = engine_of(options.backend);
  run_on(options.loop == nullptr ? make_backend(wanted)
                                 : make_backend_in(*options.loop, wanted),
         nullptr, options, body, has_result);
}

void run_on(std::unique_ptr<backend> kernel, course* how, const run_options& options,
            function_ref<void()> body, bool has_result) {
  cancel_scope daemons;
  run_state state{.options = options, .daemons = daemons};
  const terminate_watch explains;
  int signal = 0;
  ending end;
  {
    // Gone before `exit`, which unwinds nothing.
    const fiber_handle main = make_main();
    daemons.fiber = main.get();
    daemons.child_ended = &report_failure;
    {
      scheduler s(std::move(kernel), *main.get(), options.stack_size,
                  {.on_signal = &on_signal,
                   .on_deadlock = &on_deadlock,
                   .on_swallowed = &on_swallowed,
                   .on_overflow = &describe_running,
                   .on_preferred = &tell_of_preference});
      if (how != nullptr) s.take_course(*how);
      this_run = &state;
      {
        const job_home jobs(s, options.blocking_threads);
        const signal_watch watch(s.door(), options.signals);
        signal = run_to_the_end(s, body);
      }
      this_run = nullptr;
    }
    end = ending(main);
  }
  forget_message_blocks();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the program ends here, as the signal said
  if (signal != 0) std::exit(128 + signal);
  if (end.failed()) std::rethrow_exception(end.error());
  if (end.stopped() && has_result) throw fiber_stopped(end.reason());
}

}  // namespace detail

const char* backend_name() noexcept {
  return detail::this_scheduler == nullptr ? "none"
                                           : detail::this_scheduler->kernel().name();
}

}  // namespace motet
