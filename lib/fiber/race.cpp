// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"

#include <motet/error.hpp>
#include <motet/race.hpp>
#include <motet/shield.hpp>
#include <motet/spin.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace motet::detail {

namespace {

/// Adds errors that were not thrown to what stands behind the fiber's outcome. Fibers
/// that race all their lives keep the newest.
void keep_as_cause(fiber_state& self, error_list& errors) {
  if (errors.empty()) return;
  auto& kept = self.more().suppressed;
  kept.insert(kept.end(), errors.begin(), errors.end());
  if (kept.size() > exception_group::capacity) {
    const auto surplus = kept.size() - exception_group::capacity;
    kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(surplus));
  }
}

/// A scope that is left by its first winner.
class race_scope : public cancel_scope {
 public:
  race_scope(scheduler& s, race_rule rule, call_site where)
      : s_(s), rule_(rule), where_(where) {
    child_ended = [](cancel_scope& node, fiber_state& child) noexcept {
      static_cast<race_scope&>(node).hear_of_end(child);
    };
    open_scope(s, *this);
  }
  race_scope(const race_scope&) = delete;
  race_scope& operator=(const race_scope&) = delete;
  ~race_scope() = default;

  /// Until it is decided and all have ended. @returns whether there is a winner.
  bool run(std::span<const function_ref<void()>> racers) {
    try {
      racers_.reserve(racers.size());
      with_result_.reserve(racers.size());
      for (const function_ref<void()>& each : racers) {
        racers_.push_back(spin_in(this, {.where = where_}, each));
        bind_to_home(racers_.back());
      }
    } catch (...) {
      break_off(std::current_exception());
    }
    while (living != 0 && !decided_) {
      if (std::exception_ptr raised = wait_for_children(s_, *this)) break_off(raised);
    }
    join(s_, *this);
    outside_ = find_cancelled_outside(*fiber, *this);
    close_scope(*fiber, *this);
    return decided_ && (rule_ == race_rule::first_success || early_.empty());
  }

  /// Those that ended with a result, in that order.
  [[nodiscard]] const std::vector<std::size_t>& with_result() const noexcept {
    return with_result_;
  }

  /// Errors passed over for a result.
  void forgive() { keep_as_cause(*fiber, early_); }

  /// Says why there is no result.
  [[noreturn]] void fail() {
    error_list errors = std::move(late_);
    if (broken_by_) errors.insert(errors.begin(), broken_by_);
    if (!broken_by_ && !cut_short_) {
      errors.insert(errors.begin(), early_.begin(), early_.end());
    } else {
      keep_as_cause(*fiber, early_);
    }
    if (errors.empty()) fiber->throw_cancelled(*outside_->request, where_);
    const bool single = errors.size() == 1;
    std::exception_ptr error = aggregate(std::move(errors));
    if (single && first_failed_.get() != nullptr && first_failed_.get()->error == error) {
      introduce_error(*fiber, first_failed_);
    }
    std::rethrow_exception(std::move(error));
  }

 private:
  void hear_of_end(fiber_state& child) noexcept {
    if (child.error) {
      if (first_failed_.get() == nullptr) first_failed_ = fiber_handle(&child);
      hear_of_failure(child, child.error);
    } else if (!child.stopped) {
      with_result_.push_back(number_of(child));
      decide();
    } else if (child.asked != disposition::none) {
      if (decided_) return;
      hear_of_failure(child, std::make_exception_ptr(fiber_stopped(child.reason->why)));
    } else if (request == nullptr) {
      cut_short_ = true;  // by what lies outside: neither a result nor a failure
    }
  }

  void hear_of_failure(const fiber_state& child, const std::exception_ptr& error) {
    if (decided_) return report_unhandled(child, error);
    // A failure to clean up after a request to stop is no failure to win.
    const bool asked =
        broken_by_ != nullptr || find_cancelled_outside(*fiber, *this) != nullptr;
    (asked ? late_ : early_).push_back(error);
    if (rule_ == race_rule::first_end && !asked) decide();
  }

  void decide() {
    if (decided_ || broken_by_) return;
    decided_ = true;
    latch(*this, make_request(cancel_kind::scope, "the race is decided", where_));
  }

  /// The body's own error, as it were.
  void break_off(std::exception_ptr error) {
    if (broken_by_) {
      late_.push_back(std::move(error));
      return;
    }
    broken_by_ = std::move(error);
    latch(*this,
          make_request(cancel_kind::failure, describe_if_possible(broken_by_), where_));
  }

  [[nodiscard]] std::size_t number_of(const fiber_state& child) const noexcept {
    // They were spun one right after the other.
    const auto number = static_cast<std::size_t>(child.id - racers_.front().id());
    MOTET_EXPECT(racers_[number].get() == &child);
    return number;
  }

  scheduler& s_;
  race_rule rule_;
  call_site where_;
  std::vector<fiber_ref> racers_;
  std::vector<std::size_t> with_result_;
  error_list early_;
  error_list late_;  ///< After somebody outside asked all to stop.
  std::exception_ptr broken_by_;
  fiber_handle first_failed_;
  cancel_scope* outside_ = nullptr;
  bool decided_ = false;
  bool cut_short_ = false;
};

void discard(const race_results& results, std::size_t which,
             const call_site& where) noexcept {
  try {
    shield([&] { results.discard(which); }, where);
  } catch (...) {
    report_unhandled(this_scheduler->running(), std::current_exception());
  }
}

/// Gives up the results from the `i`th on when it goes.
class leftovers {
 public:
  leftovers(const race_results& results, const std::vector<std::size_t>& with_result,
            call_site where)
      : results_(results), with_result_(with_result), where_(where) {}
  leftovers(const leftovers&) = delete;
  leftovers& operator=(const leftovers&) = delete;
  ~leftovers() {
    while (!empty())
      discard(results_, next(), where_);
  }

  [[nodiscard]] bool empty() const noexcept { return taken_ == with_result_.size(); }
  std::size_t next() noexcept { return with_result_[taken_++]; }

 private:
  const race_results& results_;
  const std::vector<std::size_t>& with_result_;
  const call_site where_;
  std::size_t taken_ = 0;
};

}  // namespace

std::size_t run_race(race_rule rule, std::span<const function_ref<void()>> racers,
                     const race_results& results, call_site where) {
  scheduler& s = here("race");
  enter_point(s, where);
  if (racers.empty()) throw structure_error("a race of none has no result");
  race_scope scope(s, rule, where);
  const bool won = scope.run(racers);
  leftovers rest(results, scope.with_result(), where);
  if (!won) scope.fail();
  scope.forgive();
  const std::size_t winner = rest.next();
  while (!rest.empty()) {
    const std::size_t also = rest.next();
    if (!results.combine(winner, also)) discard(results, also, where);
  }
  return winner;
}

}  // namespace motet::detail
