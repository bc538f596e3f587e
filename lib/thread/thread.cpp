// SPDX-License-Identifier: MIT
#include "backend/make_backend.hpp"
#include "lib/core/cancel_tree.hpp"
#include "lib/core/stop_tokens.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/remote.hpp"
#include "lib/fiber/run_on.hpp"
#include "lib/fiber/verbs.hpp"

#include <motet/error.hpp>
#include <motet/thread.hpp>

#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace motet::detail {

namespace {

engine kind_of(const backend& b) noexcept {
  const std::string_view name = b.name();
  return name == "sim" ? engine::sim : name == "libev" ? engine::libev : engine::uring;
}

/// What a fiber and the thread it stands for share; on the fiber's stack. The fiber is
/// parked as long as the thread lives, and whatever would cut that wait short is passed
/// on instead.
class bridge : waiter {
 public:
  bridge(scheduler& s, function_ref<void()> body)
      : s_(s),
        self_(s.running()),
        body_(body),
        options_(options_of_run()),
        engine_(kind_of(s.kernel())) {
    what = "its thread";
    where = self_.spun_at;
    waiter::fiber = &self_;
    abort = [](waiter& w) noexcept {
      w.aborted = false;
      static_cast<bridge&>(w).pass_on();
    };
    started_.of = ended_.of = this;
    started_.run = [](remote_task& t) noexcept { static_cast<step&>(t).of->begin(); };
    ended_.run = [](remote_task& t) noexcept { static_cast<step&>(t).of->end(); };
    options_.signals = signal_policy::none;
    options_.loop = nullptr;
    if (self_.extras) name_ = self_.extras->name;
  }

  /// @throws what its main fiber ended with, or std::system_error.
  void run() {
    // A grace reaches nobody but stop tokens: those over there, too.
    const std::stop_callback on_grace(take_token(self_), [this] { pass_grace_on(); });
    std::thread thread = start();
    s_.expect_wake();
    s_.park(*this, [](fiber_state& self) noexcept { disturb(self); });
    s_.wake_came();
    thread.join();
    finish();
  }

 private:
  struct step : remote_task {
    bridge* of = nullptr;
  };

  std::thread start() {
    try {
      return std::thread([this] { live(); });
    } catch (const std::system_error& e) {
      throw std::system_error(e.code(),
                              "start a thread for fiber \"" + name_of(self_) + '"');
    }
  }

  /// The thread.
  void live() noexcept {
    try {
      const auto main_body = [this] {
        // Whoever holds a handle over there may wake this scheduler's fibers.
        this_scheduler->expect_wake();
        main_ = fiber_handle(&this_scheduler->running());
        if (!name_.empty()) main_.get()->more().name = name_;
        home_.post(started_);
        body_();
      };
      run_on(make_backend(engine_), nullptr, options_, main_body, false);
    } catch (...) {
      error_ = std::current_exception();
    }
    home_.post(ended_);
  }

  // All below is done on the fiber's own thread.

  void begin() noexcept {
    known_ = true;
    self_.box.deputy = main_.get();
    pass_messages_on(self_);
    if (in_grace_) pass_grace_on();
    disturb(self_);
  }

  void end() noexcept {
    self_.box.deputy = nullptr;
    known_ = false;
    s_.unpark(self_);
  }

  void pass_on() noexcept {
    if (!known_) return;
    const cancel_scope* const cancelled = find_cancelled(self_);
    if (cancelled != nullptr && !std::exchange(asked_, true)) {
      // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): its own does not throw
      record_ptr why(new request_record(cancelled->request->why));
      post_to(*main_.get(), [why = std::move(why)](fiber_state& main) mutable {
        ask(main, disposition::stop, why.release());
      });
    }
    while (self_.has_edges() && lets_edges_in(self_))
      fiber_ref(main_).raise(take_edge(self_));
  }

  /// The stop itself comes when the grace is over here.
  void pass_grace_on() noexcept {
    in_grace_ = true;
    if (known_ && find_cancelled(self_) == nullptr)
      fiber_ref(main_).terminate(duration::max(), where);
  }

  void finish() {
    if (error_) {
      if (main_.get() != nullptr) introduce_error(self_, main_);
      std::rethrow_exception(error_);
    }
    if (!main_.get()->stopped) return;
    if (find_cancelled(self_) == nullptr) {  // somebody over there, then
      ask(self_, disposition::stop, new request_record(main_.get()->reason->why));
    }
    check(self_, where);
  }

  scheduler& s_;
  fiber_state& self_;
  const function_ref<void()> body_;
  run_options options_;
  const engine engine_;
  std::string name_;
  remote_queue& home_ = s_.door();
  step started_, ended_;
  fiber_handle main_;         ///< Known here once it has started.
  std::exception_ptr error_;  ///< Known here once it has ended.
  bool known_ = false;
  bool asked_ = false;
  bool in_grace_ = false;
};

}  // namespace

void stand_for_thread(function_ref<void()> body) {
  bridge(here("spin_thread"), body).run();
}

void check_thread_count(std::size_t count) {
  if (count == 0) throw structure_error("run_threads on no thread at all");
}

}  // namespace motet::detail
