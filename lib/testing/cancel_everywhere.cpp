// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"
#include "lib/fiber/verbs.hpp"
#include "lib/testing/containment.hpp"

#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/testing.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <typeinfo>
#include <utility>

namespace motet::testing {

namespace {

using motet::detail::fiber_state;
using motet::detail::scheduler;
using motet::detail::this_scheduler;

/// Two errors are the same if they are of one type and say the same.
std::string identity_of(const std::exception_ptr& error) {
  std::string type;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    type = typeid(e).name();
  } catch (...) {  // `describe` tells the type
  }
  return type + ": " + describe(error);
}

bool is_stop_of_another(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const fiber_stopped&) {
    return true;
  } catch (...) {
    return false;
  }
}

enum class moment : std::uint8_t { before, during };
enum class target : std::uint8_t { all, fiber };

/// Where a run is cancelled; point 0 is nowhere.
struct injection {
  std::size_t point = 0;
  moment when = moment::before;
  target whom = target::all;
};

/// What is known of a point from the run without cancellation.
struct site {
  std::string fiber;
  std::string what;  ///< Empty if it did not wait.
  bool outermost = false;
};

std::string describe(std::size_t number, const site& s) {
  return std::to_string(number) + ", in fiber \"" + s.fiber +
         "\": " + (s.what.empty() ? "need not wait" : "waits for " + s.what);
}

/// The course that all runs take until they are cancelled.
struct course {
  std::vector<site> sites;
  std::vector<std::string> errors;  ///< As `identity_of` has them.
};

/// One run.
class trial {
 public:
  trial(const cancel_everywhere_options& options, motet::detail::function_ref<void()> f,
        course& known, injection where)
      : options_(options), f_(f), known_(known), where_(where), turn_(*this) {}
  trial(const trial&) = delete;
  trial& operator=(const trial&) = delete;

  /// @returns what was wrong.
  std::vector<std::string> run();

 private:
  /// A turn of the scheduler after a point: the fiber has parked by then.
  struct turn_task : motet::detail::remote_task {
    trial& of;
    bool posted = false;
    explicit turn_task(trial& t) : of(t) {
      run = [](remote_task& self) noexcept {
        static_cast<turn_task&>(self).posted = false;
        static_cast<turn_task&>(self).of.take_turn();
      };
    }
  };

  [[nodiscard]] bool recording() const noexcept { return where_.point == 0; }
  void run_in_main();
  void reach(fiber_state& at) noexcept;
  void take_turn() noexcept;
  void deliver() noexcept;
  void hear_of(const std::exception_ptr& error, const char* how);

  /// Runs without cancellation that reach more are taken for endless; others may reach
  /// some more than that did.
  static constexpr std::size_t most_points = 200'000;
  [[nodiscard]] std::size_t limit() const noexcept {
    return recording() ? most_points : 10 * known_.sites.size() + 1'000;
  }

  const cancel_everywhere_options& options_;
  motet::detail::function_ref<void()> f_;
  course& known_;
  const injection where_;
  turn_task turn_;
  containment contained_{
      [this](const std::exception_ptr& error, const char* how) { hear_of(error, how); }};
  fiber_ref at_;  ///< The fiber that reached the last point.
  std::size_t reached_ = 0;
  bool armed_ = false;  ///< To be cancelled at the next turn.
  bool delivered_ = false;
  bool endless_ = false;
};

std::vector<std::string> trial::run() {
  motet::run({.backend = backend_kind::sim,
              .signals = signal_policy::none,
              .on_unhandled =
                  [this](const std::exception_ptr& error) {
                    hear_of(error, "nobody handled an error: ");
                  }},
             [this] { run_in_main(); });
  if (!recording() && !delivered_) {
    contained_.wrong().emplace_back(
        "this run took another course than the first: the function must "
        "do the same each time");
  }
  if (options_.afterwards) {
    try {
      options_.afterwards();
    } catch (...) {
      contained_.wrong().push_back("afterwards: " +
                                   motet::describe(std::current_exception()));
    }
  }
  return std::move(contained_.wrong());
}

void trial::run_in_main() {
  scheduler& s = *this_scheduler;
  s.on_point = {
      .reached = [](void* self,
                    fiber_state& at) noexcept { static_cast<trial*>(self)->reach(at); },
      .listener = this};
  s.main().attention = true;  // or fibers would not begin with theirs on
  contained_.run(f_);
  s.on_point = {};
  at_ = {};
  contained_.settle_up();
}

void trial::reach(fiber_state& at) noexcept {
  scheduler& s = *this_scheduler;
  if (&at == &s.main() || contained_.body().done()) return;
  ++reached_;
  at_ = fiber_ref(motet::detail::fiber_handle(&at));
  if (recording()) {
    known_.sites.push_back({name_of(at), {}, at_ == contained_.body()});
  }
  if (reached_ == where_.point) {
    const bool same = known_.sites[reached_ - 1].fiber == name_of(at);
    if (same && where_.when == moment::before) deliver();
    armed_ = same && where_.when == moment::during;
  }
  endless_ = reached_ > limit();
  // In all runs alike: one point, then a turn, so that all take the same course.
  s.take_turn_soon();
  if (!std::exchange(turn_.posted, true)) s.door().post(turn_);
}

void trial::take_turn() noexcept {
  if (this_scheduler == nullptr || !at_) return;
  const fiber_state& at = *at_.get();
  if (recording() && !contained_.body().done()) {
    const bool waits = at.phase == fiber_phase::parked;
    known_.sites.back().what = waits ? at.waiting->what : "its turn";
  }
  if (std::exchange(armed_, false)) deliver();
  if (endless_)
    contained_.give_up("after " + std::to_string(reached_) + " points it still runs");
  at_ = {};
}

void trial::deliver() noexcept {
  delivered_ = true;
  fiber_state& fiber = where_.whom == target::all ? *contained_.body().get() : *at_.get();
  motet::detail::request_record* const why = motet::detail::make_request(
      cancel_kind::stop, "cancel_everywhere, point " + std::to_string(where_.point),
      call_site{});
  why->why.source = {};  // not the fiber that happens to run
  motet::detail::ask(fiber, motet::detail::disposition::stop, why);
}

void trial::hear_of(const std::exception_ptr& error, const char* how) {
  if (recording()) return known_.errors.push_back(identity_of(error));
  const auto& errors = known_.errors;
  if (std::find(errors.begin(), errors.end(), identity_of(error)) != errors.end()) return;
  if (options_.each_fiber && is_stop_of_another(error)) return;
  if (options_.expected && options_.expected(error)) return;
  if (contained_.forced()) return;  // our own doing
  contained_.wrong().push_back(how + motet::describe(error));
}

std::string join_lines(const std::vector<std::string>& failures, std::size_t runs) {
  std::string text = "cancel_everywhere: " + std::to_string(failures.size()) + " of " +
                     std::to_string(runs) + " runs failed";
  for (const std::string& failure : failures)
    text += "\n  " + failure;
  return text;
}

/// The runs there are to make, and what went wrong in them.
class series {
 public:
  series(const cancel_everywhere_options& options, motet::detail::function_ref<void()> f)
      : options_(options), f_(f) {}

  cancel_everywhere_report run() {
    attempt({}, "the run without cancellation");
    if (failures_.empty()) {
      for (std::size_t point = 1; point <= course_.sites.size(); ++point)
        cancel_at(point);
    }
    if (!failures_.empty()) throw cancel_everywhere_error(std::move(failures_), runs_);
    cancel_everywhere_report report{course_.sites.size(), runs_, {}};
    for (std::size_t i = 0; i < course_.sites.size(); ++i)
      report.sites.push_back(describe(i + 1, course_.sites[i]));
    return report;
  }

 private:
  void cancel_at(std::size_t point) {
    const site& s = course_.sites[point - 1];
    for (const moment when : {moment::before, moment::during}) {
      // What did not wait is the same as the next point.
      if (when == moment::during && s.what.empty()) continue;
      for (const target whom : {target::all, target::fiber}) {
        if (whom == target::fiber && (!options_.each_fiber || s.outermost)) continue;
        std::string name = "point " + describe(point, s);
        name += when == moment::before ? "; cancelled before it" : "; cancelled in it";
        if (whom == target::fiber) name += ", this fiber only";
        attempt({point, when, whom}, name);
      }
    }
  }

  void attempt(injection where, const std::string& name) {
    ++runs_;
    for (const std::string& wrong : trial(options_, f_, course_, where).run())
      failures_.push_back(name + ": " + wrong);
  }

  const cancel_everywhere_options& options_;
  motet::detail::function_ref<void()> f_;
  course course_;
  std::size_t runs_ = 0;
  std::vector<std::string> failures_;
};

}  // namespace

cancel_everywhere_error::cancel_everywhere_error(std::vector<std::string> failures,
                                                 std::size_t runs)
    : std::logic_error(join_lines(failures, runs)), failures_(std::move(failures)) {}

cancel_everywhere_report cancel_everywhere_erased(
    const cancel_everywhere_options& options, motet::detail::function_ref<void()> f) {
  return series(options, f).run();
}

}  // namespace motet::testing
